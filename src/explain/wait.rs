//! Accounts of those who wait, and lines of many who wait for the same.

use super::cause::{Cause, Sums};
use crate::time::SimTime;

/// What one who waits was charged with so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// While it stands in a line: less what the line was charged with before it came.
    sums: Sums,
    pub state: State,
    since: SimTime,
}

/// What one who waits is charged with now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A cause of its own.
    Own(Cause),
    /// That of the line of this number.
    Line(usize),
}

/// Many who wait for the same: a change of what that is costs the same however many they are.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub cause: Cause,
    since: SimTime,
    sums: Sums,
    pub members: u64,
}

impl Line {
    pub fn new(cause: Cause) -> Self {
        Line {
            cause,
            since: SimTime::ZERO,
            sums: Sums::default(),
            members: 0,
        }
    }

    /// From `now` on they wait for something else.
    pub fn set(&mut self, now: SimTime, cause: Cause) {
        self.sums.add(self.cause, now - self.since);
        (self.cause, self.since) = (cause, now);
    }
}

impl Account {
    /// Of one who begins to wait.
    pub fn new(now: SimTime, cause: Cause) -> Self {
        Account {
            sums: Sums::default(),
            state: State::Own(cause),
            since: now,
        }
    }

    /// From `now` on it is charged with something else.
    pub fn switch(&mut self, now: SimTime, to: State, lines: &mut [Line]) {
        if self.state == to {
            return;
        }
        match self.state {
            State::Own(cause) => self.sums.add(cause, now - self.since),
            State::Line(number) => {
                let line = &mut lines[number];
                line.set(now, line.cause);
                self.sums.join(&line.sums);
                line.members -= 1;
            }
        }
        if let State::Line(number) = to {
            let line = &mut lines[number];
            line.set(now, line.cause);
            self.sums.part(&line.sums);
            line.members += 1;
        }
        (self.state, self.since) = (to, now);
    }

    /// What it is charged with now.
    pub fn cause(&self, lines: &[Line]) -> Cause {
        match self.state {
            State::Own(cause) => cause,
            State::Line(number) => lines[number].cause,
        }
    }

    /// What it was charged with up to `now`; it stays where it is.
    pub fn sums(&self, now: SimTime, lines: &[Line]) -> Sums {
        let mut sums = self.sums;
        match self.state {
            State::Own(cause) => sums.add(cause, now - self.since),
            State::Line(number) => {
                let mut line = lines[number].clone();
                line.set(now, line.cause);
                sums.join(&line.sums);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    /// Alone for 1 s, in a line from 1 s to 6 s that turns from CPU to memory at 4 s, alone for 2 s.
    #[test]
    fn a_line_charges_each_with_its_own_time() {
        let at = |secs: u64| SimTime::from_micros(secs * 1_000_000);
        let mut lines = vec![Line::new(Cause::Cpu)];
        let mut account = Account::new(at(0), Cause::Dependency);
        account.switch(at(1), State::Line(0), &mut lines);
        lines[0].set(at(4), Cause::Memory);
        assert_eq!(account.cause(&lines), Cause::Memory);
        account.switch(at(6), State::Own(Cause::Boot), &mut lines);
        let sums = account.sums(at(8), &lines);
        let secs: Vec<(Cause, SimDuration)> = sums.iter().collect();
        let of = |cause, secs| (cause, SimDuration::from_secs(secs));
        let expected = [
            of(Cause::Dependency, 1),
            of(Cause::Cpu, 3),
            of(Cause::Memory, 2),
            of(Cause::Boot, 2),
        ];
        assert_eq!(secs, expected);
        assert_eq!(lines[0].members, 0);
    }
}
