//! The tasks aboard an instance: each keeps its seat, and a seat that is left is taken again.

use super::event::Ref;

/// A list of tasks in which nobody moves when somebody leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Berths {
    seats: Vec<Seat>,
    free: Option<u32>,
    taken: u32,
}

#[derive(Clone, Copy, Debug)]
enum Seat {
    Taken(Ref),
    /// Free, and the next free one.
    Free(Option<u32>),
}

impl Berths {
    /// A task comes aboard, and is told its seat.
    pub fn take(&mut self, task: Ref) -> u32 {
        self.taken += 1;
        let Some(seat) = self.free else {
            self.seats.push(Seat::Taken(task));
            return self.seats.len() as u32 - 1;
        };
        if let Seat::Free(next) = self.seats[seat as usize] {
            self.free = next;
        }
        self.seats[seat as usize] = Seat::Taken(task);
        seat
    }

    /// The task on a seat goes ashore.
    pub fn leave(&mut self, seat: u32) {
        self.taken -= 1;
        self.seats[seat as usize] = Seat::Free(self.free);
        self.free = Some(seat);
    }

    /// Whether nobody is aboard.
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// All that are aboard, by seat.
    pub fn iter(&self) -> impl Iterator<Item = Ref> + '_ {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Taken(task) => Some(*task),
            Seat::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_kept_and_taken_again() {
        let task = |slot| Ref {
            slot,
            generation: 0,
        };
        let mut berths = Berths::default();
        let seats: Vec<u32> = (0..4).map(|slot| berths.take(task(slot))).collect();
        assert_eq!(seats, [0, 1, 2, 3]);
        berths.leave(1);
        berths.leave(3);
        assert_eq!(berths.iter().map(|it| it.slot).collect::<Vec<_>>(), [0, 2]);
        assert_eq!([berths.take(task(7)), berths.take(task(8))], [3, 1]);
        assert_eq!(berths.take(task(9)), 4);
        for seat in 0..5 {
            berths.leave(seat);
        }
        assert!(berths.is_empty() && berths.iter().next().is_none());
    }
}
