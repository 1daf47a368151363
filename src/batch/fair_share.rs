//! Fair share: which share identifier of a job queue gets the next job, and how much all may use.
//!
//! Each share has a usage, the vCPU time of its attempts by age, times its weight; the share with
//! the lowest usage goes next. A reservation holds vCPUs back for shares that are not active. The
//! exact arithmetic of AWS is unpublished; this one agrees with every fact that is [B-32].
//! Source: AWS Batch user guide, fair-share scheduling policies and share identifiers; AWS Batch
//! API reference, FairsharePolicy and ShareAttributes.
//!
//! [`FairShare`] knows one queue and no job: the owner tells when jobs join and leave a share and
//! when attempts start and end, in order of time. CPU is in units of 1/1024 vCPU, and every choice
//! is made on exact integers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// The most shares that may be active in a queue; a submission that would add one more fails.
///
/// Source: AWS Batch API reference, SubmitJob, shareIdentifier.
pub const MAX_ACTIVE_SHARES: u32 = 500;

/// The weight 1.0 in ten-thousandths, that of identifiers which no entry of the policy covers.
pub const DEFAULT_WEIGHT: u32 = 10_000;

/// The longest `shareDecaySeconds`: one week.
const MAX_DECAY_SECS: u64 = 604_800;

/// The window when `shareDecaySeconds` is 0.
const MIN_WINDOW: SimDuration = SimDuration::from_secs(600);

/// The span q for which CPU in flight counts on top of its vCPU time, so that jobs dispatched at
/// one moment see each other [B-32].
const DISPATCH_SPAN: SimDuration = SimDuration::from_secs(1);

/// CPU units in a vCPU.
const UNITS_PER_VCPU: f64 = 1024.0;

/// The place of a job among the waiting ones of its share, or of a queue without fair share; the
/// least is dispatched first.
///
/// Higher scheduling priority first, then jobs that are retried, then order of submission, then
/// array index. A retried job goes to the front of its queue, with fair share to the front of its
/// share and priority only; several keep the order of their submission [B-12].
/// Source: AWS Batch user guide, best practices (retries go to the front of the queue); API
/// reference, SubmitJob, schedulingPriorityOverride, and FrontOfQueueDetail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DispatchKey {
    scheduling_priority: Reverse<u32>,
    has_not_run: bool,
    requested: SimDuration,
    submit_seq: u64,
    array_index: u32,
}

impl DispatchKey {
    /// The place of a job that has not run, at scheduling priority 0, which a job without one has
    /// [B-36] and every job of a FIFO queue. `array_index` is 0 for a job that is no array child.
    pub const fn new(submit_seq: u64, array_index: u32) -> Self {
        DispatchKey {
            scheduling_priority: Reverse(0),
            has_not_run: true,
            requested: SimDuration::ZERO,
            submit_seq,
            array_index,
        }
    }

    /// The same at another scheduling priority, 0 to 9999. A FIFO queue has none.
    pub const fn with_priority(self, scheduling_priority: u32) -> Self {
        DispatchKey {
            scheduling_priority: Reverse(scheduling_priority),
            ..self
        }
    }

    /// The same in a queue in which jobs of shorter requested times go first (`x-sjf`).
    pub const fn with_requested(self, requested: SimDuration) -> Self {
        DispatchKey { requested, ..self }
    }

    /// The same once an attempt has been made.
    pub const fn retried(self) -> Self {
        DispatchKey {
            has_not_run: false,
            ..self
        }
    }

    /// The sequence number of the submission.
    pub const fn submit_seq(self) -> u64 {
        self.submit_seq
    }
}

/// One entry of a policy's share distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareAttributes {
    /// A share identifier; with `*` at the end, all that start with what stands before it.
    pub identifier: String,
    /// `weightFactor` in ten-thousandths, 1 to 9 999 999; half the weight is twice the compute.
    pub weight: u32,
}

impl ShareAttributes {
    /// What identifiers under this entry start with; `None` when it names just one.
    fn prefix(&self) -> Option<&str> {
        self.identifier.strip_suffix('*')
    }

    fn covers(&self, identifier: &str) -> bool {
        match self.prefix() {
            Some(prefix) => identifier.starts_with(prefix),
            None => identifier == self.identifier,
        }
    }

    /// Whether some identifier is under both: then the shorter one covers what the other starts with.
    fn overlaps(&self, other: &ShareAttributes) -> bool {
        self.covers(other.stem()) || other.covers(self.stem())
    }

    fn stem(&self) -> &str {
        self.prefix().unwrap_or(&self.identifier)
    }

    fn check(&self) -> Result<(), String> {
        check_identifier(&self.identifier)?;
        if (1..=9_999_999).contains(&self.weight) {
            return Ok(());
        }
        let (whole, rest) = (self.weight / DEFAULT_WEIGHT, self.weight % DEFAULT_WEIGHT);
        Err(format!(
            "weightFactor {whole}.{rest:04} of \"{}\"; it may be 0.0001 to 999.9999",
            self.identifier
        ))
    }
}

/// Whether a job or an entry may have this share identifier.
///
/// Source: AWS Batch API reference, SubmitJob, shareIdentifier.
///
/// # Errors
/// Unless it is at most 255 letters and digits, perhaps followed by `*`, and not empty.
pub fn check_identifier(identifier: &str) -> Result<(), String> {
    let stem = identifier.strip_suffix('*').unwrap_or(identifier);
    let alphanumeric = stem.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if identifier.is_empty() || stem.len() > 255 || !alphanumeric {
        return Err(format!(
            "share identifier \"{identifier}\"; it may be 1 to 255 letters and digits, then perhaps *"
        ));
    }
    Ok(())
}

/// A fair-share scheduling policy (`fairsharePolicy`), checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FairSharePolicy {
    share_decay: SimDuration,
    compute_reservation: u32,
    distribution: Vec<ShareAttributes>,
}

impl FairSharePolicy {
    /// A policy that looks back over `share_decay` (`shareDecaySeconds`; zero means 600 s) and
    /// reserves by `compute_reservation` (`computeReservation`), in percent: see [`FairShare::cap`].
    ///
    /// Source: AWS Batch API reference, FairsharePolicy and ShareAttributes.
    ///
    /// # Errors
    /// When the decay is not in whole seconds from 0 to 604 800, the reservation not 0 to 99, an
    /// identifier or a weight is out of its range, or two entries cover the same identifier.
    pub fn new(
        share_decay: SimDuration,
        compute_reservation: u32,
        distribution: Vec<ShareAttributes>,
    ) -> Result<Self, String> {
        let whole = share_decay.micros().is_multiple_of(MICROS_PER_SEC);
        if !whole || share_decay > SimDuration::from_secs(MAX_DECAY_SECS) {
            return Err(format!(
                "shareDecaySeconds {share_decay}; it may be 0 to {MAX_DECAY_SECS}, whole"
            ));
        }
        if compute_reservation > 99 {
            return Err(format!(
                "computeReservation {compute_reservation}; it may be 0 to 99"
            ));
        }
        for (position, entry) in distribution.iter().enumerate() {
            entry.check()?;
            let earlier = &distribution[..position];
            if let Some(other) = earlier.iter().find(|other| other.overlaps(entry)) {
                return Err(format!(
                    "shareDistribution has \"{}\" and \"{}\"; entries may not overlap",
                    other.identifier, entry.identifier
                ));
            }
        }
        Ok(FairSharePolicy {
            share_decay,
            compute_reservation,
            distribution,
        })
    }

    /// Whether anything is kept for shares that are not active.
    pub const fn reserves(&self) -> bool {
        self.compute_reservation > 0
    }

    /// How far back usage counts: the decay, or 600 s when that is 0; 1 to 599 s are taken as they
    /// are [B-35].
    pub fn window(&self) -> SimDuration {
        if self.share_decay == SimDuration::ZERO {
            MIN_WINDOW
        } else {
            self.share_decay
        }
    }
}

/// What counts as the usage of a share, before its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageMode {
    /// vCPU time inside the window, the recent more than the old, as the present guide has it.
    #[default]
    Window,
    /// What is starting and running now, as older texts have it.
    Current,
}

/// A share of one [`FairShare`], by order of first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareIndex(u32);

impl ShareIndex {
    const fn position(self) -> usize {
        self.0 as usize
    }
}

/// How much a share has used, by its weight: the share of the least rank goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank((u128, u64));

/// How many CPU units a queue may have in flight: all shares together, after a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap(Option<u64>);

impl Cap {
    /// Whether `used_cpu` units are within the cap.
    pub fn allows(self, used_cpu: u64) -> bool {
        self.0.is_none_or(|most| used_cpu <= most)
    }

    /// The greatest number of CPU units that is allowed; `None` when any is.
    pub const fn most(self) -> Option<u64> {
        self.0
    }
}

/// What fair share knows of one queue: who is active, who used how much.
///
/// Usage is never summed over queues. Moments must not go back from call to call. The cost of a
/// call depends on the shares it looks at, not on the jobs that ever ran.
/// Source: AWS Batch user guide, share identifiers.
#[derive(Clone, Debug)]
pub struct FairShare {
    policy: FairSharePolicy,
    mode: UsageMode,
    inactive_lag: SimDuration,
    by_name: BTreeMap<String, ShareIndex>,
    shares: Vec<Share>,
    /// Active shares, all and under each entry of the distribution.
    active: u32,
    active_under: Vec<u32>,
    /// Active shares without a live job, by the moment at which they become inactive.
    lingering: BTreeSet<(SimTime, ShareIndex)>,
    cpu_in_flight: u64,
    reservation: Reservation,
}

#[derive(Clone, Debug)]
struct Share {
    /// The entry of the distribution that covers it.
    entry: Option<usize>,
    live_jobs: u64,
    active: bool,
    last_end: Option<SimTime>,
    /// Since when it is inactive, if it gets no job: only for one that lingers.
    inactive_from: SimTime,
    usage: DecayedUsage,
}

impl FairShare {
    /// A queue that has seen no job. A share stays active for `inactive_lag` after its last usage
    /// has left the window; AWS says "minutes", the default is none [B-34].
    pub fn new(policy: FairSharePolicy, mode: UsageMode, inactive_lag: SimDuration) -> Self {
        FairShare {
            mode,
            inactive_lag,
            by_name: BTreeMap::new(),
            shares: Vec::new(),
            active: 0,
            active_under: vec![0; policy.distribution.len()],
            lingering: BTreeSet::new(),
            cpu_in_flight: 0,
            reservation: Reservation::new(policy.compute_reservation, 0),
            policy,
        }
    }

    /// The share of an identifier, new or known.
    pub fn share(&mut self, identifier: &str) -> ShareIndex {
        if let Some(share) = self.by_name.get(identifier) {
            return *share;
        }
        let share = ShareIndex(self.shares.len() as u32);
        let mut entries = self.policy.distribution.iter();
        self.shares.push(Share {
            entry: entries.position(|entry| entry.covers(identifier)),
            live_jobs: 0,
            active: false,
            last_end: None,
            inactive_from: SimTime::ZERO,
            usage: DecayedUsage::new(self.policy.window()),
        });
        self.by_name.insert(identifier.to_string(), share);
        share
    }

    /// Whether a job of this identifier would make more than [`MAX_ACTIVE_SHARES`] active: then
    /// its submission fails.
    pub fn would_exceed(&mut self, identifier: &str, now: SimTime) -> bool {
        let full = self.active(now) >= MAX_ACTIVE_SHARES;
        let known = self.by_name.get(identifier);
        full && !known.is_some_and(|share| self.shares[share.position()].active)
    }

    /// A job was submitted: it is live until [`job_left`](Self::job_left).
    pub fn job_joined(&mut self, share: ShareIndex) {
        let state = &mut self.shares[share.position()];
        state.live_jobs += 1;
        if state.live_jobs > 1 {
            return;
        }
        if state.active {
            self.lingering.remove(&(state.inactive_from, share));
            return;
        }
        state.active = true;
        self.active += 1;
        if let Some(entry) = state.entry {
            self.active_under[entry] += 1;
        }
    }

    /// A live job succeeded or failed; its attempt has ended before.
    ///
    /// # Panics
    /// When the share has no live job, or this is the last and CPU is in flight.
    pub fn job_left(&mut self, share: ShareIndex, now: SimTime) {
        let state = &mut self.shares[share.position()];
        assert!(state.live_jobs > 0, "a job left a share that has none");
        state.live_jobs -= 1;
        if state.live_jobs > 0 {
            return;
        }
        assert!(
            state.usage.in_flight == 0,
            "the last job of a share left before its attempt ended"
        );
        let linger = self.policy.window() + self.inactive_lag;
        state.inactive_from = state.last_end.map_or(now, |end| end + linger);
        self.lingering.insert((state.inactive_from, share));
    }

    /// An attempt of `cpu` units entered STARTING.
    pub fn attempt_started(&mut self, share: ShareIndex, now: SimTime, cpu: u32) {
        self.cpu_in_flight += u64::from(cpu);
        self.shares[share.position()].usage.start(now, cpu);
    }

    /// An attempt of `cpu` units ended.
    ///
    /// # Panics
    /// When the share has less in flight.
    pub fn attempt_ended(&mut self, share: ShareIndex, now: SimTime, cpu: u32) {
        let state = &mut self.shares[share.position()];
        state.usage.end(now, cpu);
        state.last_end = Some(now);
        self.cpu_in_flight -= u64::from(cpu);
    }

    /// How many shares are active.
    ///
    /// A share is while it has a live job, SUBMITTED to RUNNING, and after that until window and
    /// lag have passed since the end of its last attempt; one that never ran leaves no trace
    /// [B-34]. Source: AWS Batch user guide, fair-share scheduling policies.
    pub fn active(&mut self, now: SimTime) -> u32 {
        while let Some((since, share)) = self.lingering.first().copied()
            && since <= now
        {
            self.lingering.pop_first();
            let state = &mut self.shares[share.position()];
            state.active = false;
            self.active -= 1;
            if let Some(entry) = state.entry {
                self.active_under[entry] -= 1;
            }
        }
        self.active
    }

    /// How much of `max_cpu` units the active shares may use: all but the part
    /// (computeReservation / 100)^active, which is for shares that are not active.
    ///
    /// `max_cpu` is the sum of maxvCpus of the queue's usable compute environments and of
    /// unmanagedvCpus; `None` when one lacks the latter. Then, as without a reservation, any use
    /// is allowed. The cap is a real number; as use is a whole number of units, comparing with the
    /// whole part of the cap is comparing with the cap [B-37].
    /// Source: AWS Batch API reference, FairsharePolicy, computeReservation, and
    /// CreateComputeEnvironment, unmanagedvCpus.
    pub fn cap(&mut self, now: SimTime, max_cpu: Option<u64>) -> Cap {
        let active = self.active(now);
        let Some(max_cpu) = max_cpu.filter(|_| self.policy.reserves()) else {
            return Cap(None);
        };
        if self.reservation.max_cpu != max_cpu {
            self.reservation = Reservation::new(self.policy.compute_reservation, max_cpu);
        }
        Cap(Some(self.reservation.usable(active)))
    }

    /// The share that goes next, of some with the submission number of their first job: that of
    /// the lowest usage times weight, of equals the one whose first job was submitted first [B-33].
    ///
    /// Source: AWS Batch user guide, share identifiers.
    pub fn least_used(
        &mut self,
        now: SimTime,
        candidates: impl IntoIterator<Item = (ShareIndex, u64)>,
    ) -> Option<ShareIndex> {
        let keyed = candidates
            .into_iter()
            .map(|(share, submit_seq)| (self.rank(share, now, 0), submit_seq, share));
        keyed.min().map(|(_, _, share)| share)
    }

    /// Usage times weight of a share as it would be with `more_cpu` units more in flight from `now`
    /// on; it tells which of two shares has used less, and nothing else.
    pub fn rank(&mut self, share: ShareIndex, now: SimTime, more_cpu: u64) -> Rank {
        self.active(now);
        let usage = self.unweighted(share, now, more_cpu);
        Rank(product(usage, self.effective_weight(share)))
    }

    /// Usage times weight of a share, for output only: vCPU-seconds, or vCPUs in mode
    /// [`UsageMode::Current`].
    pub fn usage(&mut self, share: ShareIndex, now: SimTime) -> f64 {
        self.active(now);
        let weight = self.effective_weight(share) as f64 / f64::from(DEFAULT_WEIGHT);
        let vcpus = self.unweighted(share, now, 0) as f64 / UNITS_PER_VCPU;
        match self.mode {
            UsageMode::Window => {
                let micros = MICROS_PER_SEC as f64;
                weight * vcpus / (2.0 * self.policy.window().secs() * micros * micros)
            }
            UsageMode::Current => weight * vcpus,
        }
    }

    /// CPU units of attempts in flight, all shares together.
    pub const fn cpu_in_flight(&self) -> u64 {
        self.cpu_in_flight
    }

    /// CPU units of a share's attempts in flight.
    pub fn share_cpu_in_flight(&self, share: ShareIndex) -> u64 {
        self.shares[share.position()].usage.in_flight
    }

    /// The weight of a share in ten-thousandths: that of its entry, which the active identifiers
    /// under a prefix divide, so that of five each weighs five times as much.
    ///
    /// Source: AWS Batch user guide, scheduling policy parameters.
    fn effective_weight(&self, share: ShareIndex) -> u64 {
        let Some(position) = self.shares[share.position()].entry else {
            return u64::from(DEFAULT_WEIGHT);
        };
        let entry = &self.policy.distribution[position];
        let among = match entry.prefix() {
            Some(_) => self.active_under[position].max(1),
            None => 1,
        };
        u64::from(entry.weight) * u64::from(among)
    }

    /// The usage of a share before its weight. In mode window that is vCPU time and what is in
    /// flight for [`DISPATCH_SPAN`], times two windows; CPU that is in flight from now on has no
    /// more vCPU time yet.
    fn unweighted(&mut self, share: ShareIndex, now: SimTime, more_cpu: u64) -> u128 {
        let usage = &mut self.shares[share.position()].usage;
        let in_flight = u128::from(usage.in_flight) + u128::from(more_cpu);
        match self.mode {
            UsageMode::Window => {
                let span = 2 * wide(self.policy.window()) * wide(DISPATCH_SPAN);
                usage.doubled(now) + in_flight * span
            }
            UsageMode::Current => in_flight,
        }
    }
}

/// vCPU time of one share, each moment counted by its age: fully now, linearly less to nothing at
/// the end of the window W.
///
/// Of an attempt, the integral over its life times 2W is `cpu * (g(end) - g(start))` with the
/// square `g(moment) = (W - age)^2`, 0 once the age is W; in flight, the end is now. So starts and
/// ends are marks that count by the square of what is left of their window. Three sums over the
/// marks in the window move from moment to moment in a step, however many there are.
///
/// The sums fit 128 bits while less than 2^46 CPU units, 68 billion vCPUs, are in flight.
#[derive(Clone, Debug)]
struct DecayedUsage {
    window: SimDuration,
    /// CPU units in flight.
    in_flight: u64,
    /// Of starts and ends inside the window, oldest first.
    marks: VecDeque<Mark>,
    /// The moment for which the sums hold.
    at: SimTime,
    /// Sums over the marks of cpu, cpu * left and cpu * left^2, with `left` the microseconds from
    /// `at` to the end of the mark's window.
    sums: [i128; 3],
}

/// Attempts that started or ended at one moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    leaves: SimTime,
    /// CPU units that ended less those that started.
    cpu: i128,
}

impl DecayedUsage {
    const fn new(window: SimDuration) -> Self {
        DecayedUsage {
            window,
            in_flight: 0,
            marks: VecDeque::new(),
            at: SimTime::ZERO,
            sums: [0; 3],
        }
    }

    fn start(&mut self, now: SimTime, cpu: u32) {
        self.in_flight += u64::from(cpu);
        self.mark(now, -i128::from(cpu));
    }

    fn end(&mut self, now: SimTime, cpu: u32) {
        let rest = self.in_flight.checked_sub(u64::from(cpu));
        self.in_flight = rest.expect("more CPU ended than was in flight");
        self.mark(now, i128::from(cpu));
    }

    /// vCPU time by age, in CPU units times microseconds, times 2W.
    fn doubled(&mut self, now: SimTime) -> u128 {
        self.advance(now);
        let window = wide(self.window);
        let in_flight = u128::from(self.in_flight) * window * window;
        in_flight
            .checked_add_signed(self.sums[2])
            .expect("no attempt has used less than nothing")
    }

    fn mark(&mut self, now: SimTime, cpu: i128) {
        self.advance(now);
        let leaves = now + self.window;
        self.add(Mark { leaves, cpu });
        match self.marks.back_mut() {
            Some(last) if last.leaves == leaves => last.cpu += cpu,
            _ => self.marks.push_back(Mark { leaves, cpu }),
        }
    }

    /// Moves the sums to `now`, without the marks that have left the window by then.
    fn advance(&mut self, now: SimTime) {
        while let Some(mark) = self.marks.front().copied()
            && mark.leaves <= now
        {
            self.marks.pop_front();
            let cpu = -mark.cpu;
            self.add(Mark { cpu, ..mark });
        }
        if !self.marks.is_empty() {
            let step = i128::from((now - self.at).micros());
            let [cpu, linear, _] = self.sums;
            self.sums[1] -= step * cpu;
            self.sums[2] += step * (step * cpu - 2 * linear);
        }
        self.at = now;
    }

    fn add(&mut self, mark: Mark) {
        let left = i128::from((mark.leaves - self.at).micros());
        self.sums[0] += mark.cpu;
        self.sums[1] += mark.cpu * left;
        self.sums[2] += mark.cpu * left * left;
    }
}

/// What a reservation leaves of a number of CPU units, for each number of active shares.
#[derive(Clone, Debug)]
struct Reservation {
    percent: u32,
    max_cpu: u64,
    /// max_cpu * percent^n in base 100, the lowest digit first, for the next n to add to `usable`.
    /// Dividing by 100^n is leaving out n digits, so no precision is lost for any n.
    digits: Vec<u8>,
    /// The whole part of max_cpu * (1 - (percent / 100)^n), at index n.
    usable: Vec<u64>,
}

impl Reservation {
    fn new(percent: u32, max_cpu: u64) -> Self {
        let rests = std::iter::successors(Some(max_cpu), |rest| Some(rest / 100));
        let nonzero = rests.take_while(|rest| *rest > 0);
        Reservation {
            percent,
            max_cpu,
            digits: nonzero.map(|rest| (rest % 100) as u8).collect(),
            usable: Vec::new(),
        }
    }

    /// CPU units that `active` shares may use.
    fn usable(&mut self, active: u32) -> u64 {
        let active = active as usize;
        while self.usable.len() <= active {
            let cut = self.usable.len().min(self.digits.len());
            let (fraction, whole) = self.digits.split_at(cut);
            let whole = whole
                .iter()
                .rfold(0, |sum, digit| sum * 100 + u64::from(*digit));
            let part = fraction.iter().any(|digit| *digit > 0);
            self.usable.push(self.max_cpu - whole - u64::from(part));
            self.multiply();
        }
        self.usable[active]
    }

    /// Multiplies the digits by the percentage.
    fn multiply(&mut self) {
        let mut carry = 0;
        for digit in &mut self.digits {
            carry += u32::from(*digit) * self.percent;
            *digit = (carry % 100) as u8;
            carry /= 100;
        }
        if carry > 0 {
            self.digits.push(carry as u8);
        }
    }
}

fn wide(span: SimDuration) -> u128 {
    u128::from(span.micros())
}

/// `usage * weight`, 192 bits as the upper 128 and the lower 64, which compare as the number does.
fn product(usage: u128, weight: u64) -> (u128, u64) {
    let weight = u128::from(weight);
    let lower = (usage & u128::from(u64::MAX)) * weight;
    let upper = (usage >> 64) * weight + (lower >> 64);
    (upper, lower as u64)
}

#[cfg(test)]
mod tests;
