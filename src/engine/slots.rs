//! Things that come and go, in slots that are used again, so that the working set stays small.

use super::event::Ref;

/// Live things by [`Ref`].
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    /// No things.
    pub const fn new() -> Self {
        Slots {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a thing in.
    pub fn insert(&mut self, thing: T) -> Ref {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 live things")
        });
        let (generation, place) = &mut self.slots[slot as usize];
        *place = Some(thing);
        Ref {
            slot,
            generation: *generation,
        }
    }

    /// The thing, unless it is gone.
    pub fn get(&self, at: Ref) -> Option<&T> {
        let (generation, thing) = self.slots.get(at.slot as usize)?;
        if *generation == at.generation {
            thing.as_ref()
        } else {
            None
        }
    }

    /// The thing, unless it is gone.
    pub fn get_mut(&mut self, at: Ref) -> Option<&mut T> {
        let (generation, thing) = self.slots.get_mut(at.slot as usize)?;
        if *generation == at.generation {
            thing.as_mut()
        } else {
            None
        }
    }

    /// Lets a thing go; `None` when it was gone already.
    pub fn remove(&mut self, at: Ref) -> Option<T> {
        let (generation, thing) = self.slots.get_mut(at.slot as usize)?;
        if *generation != at.generation {
            return None;
        }
        let thing = thing.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(at.slot);
        Some(thing)
    }

    /// Lets a thing go where it lies, unless it is gone already.
    pub fn free(&mut self, at: Ref) {
        let Some((generation, thing)) = self.slots.get_mut(at.slot as usize) else {
            return;
        };
        if *generation == at.generation && thing.is_some() {
            *thing = None;
            *generation = generation.wrapping_add(1);
            self.free.push(at.slot);
        }
    }

    /// All that live with their references, in order of their slots.
    pub fn refs(&self) -> impl Iterator<Item = (Ref, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(slot, (generation, thing))| {
            let at = Ref {
                slot: slot as u32,
                generation: *generation,
            };
            Some((at, thing.as_ref()?))
        })
    }

    /// All that live, in order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|(_, thing)| thing.as_ref())
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_outlives_its_thing_and_not_the_slot() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(
            (second.slot, slots.get(first), slots.get(second)),
            (first.slot, None, Some(&'b'))
        );
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.len(), 1);
    }
}
