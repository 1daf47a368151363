//! The choices about AWS Batch. The marks such as `[B-01]` number the open questions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::Choices;
use crate::batch::fair_share::UsageMode;
use crate::time::SimDuration;
use crate::units::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::of(SimDuration::from_secs(secs))
}

assumptions! {
    /// Choices about AWS Batch where AWS documents nothing, each with its default.
    BatchAssumptions;

    /// What an attempt is that ends before it runs [B-01].
    failed_starts: FailedStarts = FailedStarts::default(),
    /// When an attempt appears in `attempts` of DescribeJobs [B-02].
    attempt_entries: AttemptEntries = AttemptEntries::default(),
    /// What a job tells of its container between two attempts [B-03].
    between_attempts: BetweenAttempts = BetweenAttempts::default(),
    /// What `stoppedAt` is of array parents and of jobs that never ran [B-04].
    unrun_stop: UnrunStop = UnrunStop::default(),
    /// From SUBMITTED to the next state; what is RUNNABLE is looked at whenever anything
    /// changes [B-05].
    evaluation_delay: Duration = secs(0),
    /// When a job is RUNNABLE again after a failed attempt [B-06].
    retry_delay: RetryDelay = RetryDelay::default(),
    /// Exit code of a container that is killed [B-07].
    #[schemars(range(min = 137, max = 137))]
    killed_exit_code: u8 = 137,
    /// Whether `onExitCode: "*"` needs an exit code; other patterns take what is absent for an
    /// empty text [B-08].
    exit_star_needs_code: bool = false,
    /// Whether upper and lower case differ in the patterns of `evaluateOnExit` [B-09].
    pattern_case: PatternCase = PatternCase::default(),
    /// What becomes of an empty pattern, and of an entry of `evaluateOnExit` without any [B-10].
    empty_patterns: Refused = Refused::default(),
    /// How many entries `evaluateOnExit` may have; some texts of AWS say 5 [B-11].
    #[schemars(range(min = 6, max = 6))]
    evaluate_on_exit_entries: u8 = 6,
    /// The order of retried jobs at the front of their queue; with fair share, of their share and
    /// priority [B-12].
    retried_order: RetriedOrder = RetriedOrder::default(),
    /// What stands when a container exits in the moment of its timeout [B-13].
    exit_at_timeout: ExitAtTimeout = ExitAtTimeout::default(),
    /// What a job is whose container exits with 0 after the SIGTERM of its timeout [B-14].
    exit_after_timeout: ExitAfterTimeout = ExitAfterTimeout::default(),
    /// When the children of an array appear [B-15].
    child_creation: ChildCreation = ChildCreation::default(),
    /// What becomes of an array of multi-node jobs [B-16].
    multi_node_arrays: Refused = Refused::default(),
    /// What is made of entries of `dependsOn` whose form says nothing clear [B-17].
    odd_dependencies: OddDependencies = OddDependencies::default(),
    /// What becomes of a job that depends on one that is not known, or has failed already [B-18].
    lost_dependencies: LostDependencies = LostDependencies::default(),
    /// What `dependsOn` may name beside whole jobs [B-19].
    part_dependencies: PartDependencies = PartDependencies::default(),
    /// What a request to cancel does to a job in PENDING, and to one that runs [B-20].
    late_cancel: LateCancel = LateCancel::default(),
    /// Whether `statusSummary` tells of states in which no child is [B-21].
    empty_counts: EmptyCounts = EmptyCounts::default(),
    /// Who goes first of the children of an array [B-22].
    child_order: ChildOrder = ChildOrder::default(),
    /// What becomes of an array whose dependency failed [B-23].
    broken_array: BrokenArray = BrokenArray::default(),
    /// What becomes of `targetNodes` that overlap in part, name a range twice, or hold anything but
    /// digits and a colon [B-24].
    odd_node_ranges: OddNodeRanges = OddNodeRanges::default(),
    /// How long nodes of a multi-node job that are not the main one are STARTING [B-25].
    node_start: Duration = secs(0),
    /// What a multi-node job is charged [B-26].
    multi_node_charge: MultiNodeCharge = MultiNodeCharge::default(),
    /// What becomes of nodes that are stopped because the main one has ended [B-27].
    stopped_nodes: StoppedNodes = StoppedNodes::default(),
    /// What a multi-node job does while there are too few instances for it [B-28].
    gang_waiting: GangWaiting = GangWaiting::default(),
    /// Who goes first of queues of the same priority [B-29].
    equal_priorities: EqualPriorities = EqualPriorities::default(),
    /// Jobs behind the head of a queue that are tried when the head finds no place [B-30].
    #[schemars(range(max = 10_000))]
    lookahead: u32 = 0,
    /// Where a job goes of which several environments could take it [B-31].
    environment_choice: EnvironmentChoice = EnvironmentChoice::default(),
    /// What fair share measures [B-32].
    usage_mode: Usage = Usage::default(),
    /// Who goes first of shares that have used the same [B-33].
    share_ties: ShareTies = ShareTies::default(),
    /// How much longer than its window a share stays active after its last job [B-34].
    inactive_lag: Duration = secs(0),
    /// What a `shareDecaySeconds` of 1 to 599 is [B-35].
    short_decay: ShortDecay = ShortDecay::default(),
    /// The scheduling priority of a job that has none [B-36].
    #[schemars(range(min = 0, max = 0))]
    missing_priority: u32 = 0,
    /// How the vCPUs are rounded that a policy reserves for shares that are not active [B-37].
    reservation_rounding: ReservationRounding = ReservationRounding::default(),
    /// When the head of a queue tells that it is blocked, and from when its time limit
    /// counts [B-38].
    block_detection: BlockDetection = BlockDetection::default(),
    /// Which of two time limits for the same reason holds [B-39].
    double_time_limits: DoubleTimeLimits = DoubleTimeLimits::default(),
    /// What memory an instance registers, unless its environment says otherwise [B-40].
    registered_memory: RegisteredMemory = RegisteredMemory::default(),
    /// By which memory an instance type is chosen for a job [B-41].
    type_memory: TypeMemory = TypeMemory::default(),
    /// Which of several instances takes a job [B-42].
    packing: Packing = Packing::default(),
    /// How environments grow [B-43].
    scale_up: ScaleUp = ScaleUp::default(),
    /// How long an idle instance is kept where nothing says otherwise [B-44].
    idle_time: Duration = secs(600),
    /// What notice Amazon EC2 gives before it takes a Spot instance back [B-45].
    spot_notice: SpotNotice = SpotNotice::default(),
    /// Which type is launched to keep `minvCpus` [B-46].
    minimum_type: MinimumType = MinimumType::default(),
    /// What a refused call says whose text AWS does not tell [B-47].
    error_texts: ErrorTexts = ErrorTexts::default(),
    /// What becomes of consumable resources when a job tries again, and what several nodes
    /// take [B-48].
    consumables: Consumables = Consumables::default(),
    /// Where `Ref::name` is replaced in a command [B-49].
    placeholders: Placeholders = Placeholders::default(),
    /// What `resourceRequirements` of a submission replace [B-50].
    override_merge: OverrideMerge = OverrideMerge::default(),
    /// What DescribeJobs says of ids that it does not know [B-51].
    unknown_jobs: UnknownJobs = UnknownJobs::default(),
    /// How long a job on Fargate waits in STARTING for its host, unless its environment says
    /// otherwise [B-52].
    fargate_start: Duration = secs(30),
    /// What the parent is of an array that only waits for its dependencies [B-53].
    waiting_parent: WaitingParent = WaitingParent::default(),
    /// What comes first of what falls into one moment [B-54].
    simultaneous_events: SimultaneousEvents = SimultaneousEvents::default(),
    /// Quota shares of service jobs [B-55].
    quota_shares: QuotaShares = QuotaShares::default(),
    /// What becomes of the jobs of a queue that is deleted [B-56].
    queue_deletion: QueueDeletion = QueueDeletion::default(),
    /// Jobs on Amazon EKS [B-57].
    eks: Eks = Eks::default(),
    /// What becomes of an array that is cancelled or terminated [B-58].
    ended_array: EndedArray = EndedArray::default(),
    /// What an attempt tells whose instance an update of the infrastructure took away [B-59].
    replaced_attempts: ReplacedAttempts = ReplacedAttempts::default(),
    /// From the launch of an instance to its registration, unless its environment says otherwise.
    boot_time: Duration = secs(180),
    /// How much later than its time a timeout comes.
    timeout_lag: Duration = secs(0),
    /// How long a container that says nothing of SIGTERM survives it; at most 30s.
    term_grace: Duration = secs(0),
}

readings! {
    /// Attempts that never run.
    FailedStarts {
        /// One of the attempts that the job has, with an entry that has no `startedAt`.
        Count,
    }
    /// Entries of attempts.
    AttemptEntries {
        /// When it has ended.
        AtEnd,
    }
    /// A job between two attempts.
    BetweenAttempts {
        /// What its last attempt told, until the next is STARTING.
        LastAttempt,
    }
    /// The end of what never ran.
    UnrunStop {
        /// When the job became SUCCEEDED or FAILED.
        EndOfJob,
    }
    /// The delay of a retry.
    RetryDelay {
        /// In the moment in which the attempt ended.
        None,
    }
    /// The case of patterns.
    PatternCase {
        /// They do; only `action` may be written either way.
        Sensitive,
    }
    /// What cannot be understood.
    Refused {
        /// The call is refused.
        Refused,
    }
    /// Retried jobs.
    RetriedOrder {
        /// That of their submission.
        Submission,
    }
    /// An exit in the moment of the timeout.
    ExitAtTimeout {
        /// The exit.
        ExitWins,
    }
    /// A late exit with 0.
    ExitAfterTimeout {
        /// FAILED by its timeout.
        Failed,
    }
    /// The children of an array.
    ChildCreation {
        /// All together, in PENDING, when their parent leaves SUBMITTED.
        AllAtOnce,
    }
    /// Dependencies of unclear form.
    OddDependencies {
        /// SEQUENTIAL with a job is a plain dependency; an empty entry, N_TO_N without an array of
        /// the same size on both sides, and SEQUENTIAL alone on a job that is no array are refused.
        OnlyMeaningful,
    }
    /// Dependencies that cannot be met.
    LostDependencies {
        /// Unknown: the call is refused. Failed already: the job fails at once.
        RefusedOrFailed,
    }
    /// Dependencies on a part of a job.
    PartDependencies {
        /// A child of an array, written `<workload>:<index>`; a node of a multi-node job is refused.
        ChildrenOnly,
    }
    /// A late request to cancel.
    LateCancel {
        /// In PENDING the job fails with the caller's reason when its dependencies have ended or
        /// one has failed. One that is STARTING or RUNNING goes on, and may be retried.
        PendingOnly,
    }
    /// Zeros in `statusSummary`.
    EmptyCounts {
        /// It does, with 0.
        Told,
    }
    /// The order of children.
    ChildOrder {
        /// The one with the lowest index.
        Index,
    }
    /// An array that cannot begin.
    BrokenArray {
        /// All its children and the parent fail with `Dependent Job failed`.
        AllFail,
    }
    /// Odd ranges of nodes.
    OddNodeRanges {
        /// The call is refused. One number alone is a range of one node, and the narrowest range
        /// that holds a node is the node's.
        NarrowestOrRefused,
    }
    /// The charge of a multi-node job.
    MultiNodeCharge {
        /// Whole instances until the attempt ends; its share what the nodes ask for.
        WholeInstances,
    }
    /// Nodes that are stopped.
    StoppedNodes {
        /// They end as the main node did, with exit code 137 if they ran. A node that was not yet
        /// launched has the status of its job.
        AsTheMainNode,
    }
    /// A multi-node job that waits.
    GangWaiting {
        /// It holds nothing. It starts on the smallest type of which enough instances are empty.
        HoldsNothing,
    }
    /// Queues of equal priority.
    EqualPriorities {
        /// The one that stands first in the scenario.
        Creation,
    }
    /// The choice of an environment.
    EnvironmentChoice {
        /// The first of its queue with room now. Where none has, the first with room on its way or
        /// able to grow counts it as its demand.
        FirstWithRoom,
    }
    /// What fair share measures.
    Usage {
        /// vCPU-seconds in the window of the policy, those of age a of a window W counting 1 - a/W,
        /// and 1 s of what is in use now.
        Window,
        /// vCPUs in use now.
        Current,
    }
    /// Equal shares.
    ShareTies {
        /// The one whose first job was submitted first.
        OldestHead,
    }
    /// A short window.
    ShortDecay {
        /// The window, as it says; 0 is 600 s.
        Literal,
    }
    /// The rounding of the reservation.
    ReservationRounding {
        /// Not at all.
        None,
    }
    /// Blocked heads.
    BlockDetection {
        /// In the moment in which nothing that is there or can come could take it; who waits for
        /// others to end or for instances to boot is not blocked. The time limit counts from there,
        /// and anew when the reason changes.
        Immediate,
    }
    /// Two time limits.
    DoubleTimeLimits {
        /// The shorter one.
        Shortest,
    }
    /// Registered memory.
    RegisteredMemory {
        /// 97.476 % of the nominal size, less 32 MiB: what is documented of m4.large.
        DocumentedFraction,
    }
    /// The memory that types are judged by.
    TypeMemory {
        /// What it registers.
        Registered,
    }
    /// The choice of an instance.
    Packing {
        /// The one with the fewest free vCPUs, then the least free memory, then the oldest.
        TightestFit,
    }
    /// Growth.
    ScaleUp {
        /// Whenever anything changes, all RUNNABLE jobs are reserved room in the order of their
        /// turns, on what is free and what is on its way; for one that finds none an instance is
        /// launched, as far as `maxvCpus` goes.
        VirtualPacking,
    }
    /// The notice of Spot.
    SpotNotice {
        /// Two minutes; nothing new is placed from there on.
        TwoMinutes,
    }
    /// The type for the minimum.
    MinimumType {
        /// The first choice of the strategy for a job of 1 vCPU.
        ForOneVcpu,
    }
    /// Unknown texts.
    ErrorTexts {
        /// ClientException with a text of our own.
        Own,
    }
    /// Consumable resources.
    Consumables {
        /// Each attempt gives back what it took and takes anew; what does not come back is taken
        /// once for each job. The quantity of a range of nodes is for each node.
        PerAttempt,
    }
    /// Placeholders.
    Placeholders {
        /// Also within longer words, the longest name first; what has no value stays as it is, and
        /// values are not searched again.
        Anywhere,
    }
    /// Overrides of resources.
    OverrideMerge {
        /// Those of the same type.
        PerType,
    }
    /// Unknown ids.
    UnknownJobs {
        /// Nothing; `describe-jobs.json` has all jobs of the run.
        Omitted,
    }
    /// A waiting array.
    WaitingParent {
        /// PENDING.
        Pending,
    }
    /// The order within a moment.
    SimultaneousEvents {
        /// Starts, ends, lost hosts, calls, timeouts, evaluation, registrations, dispatch, scaling.
        FixedOrder,
    }
    /// Quota shares.
    QuotaShares {
        /// Not simulated: a policy that has them is refused.
        NotSimulated,
    }
    /// Queues that are deleted.
    QueueDeletion {
        /// Not simulated: a queue may be set DISABLED.
        NotSimulated,
    }
    /// Amazon EKS.
    Eks {
        /// Not simulated: environments and definitions for it are refused.
        NotSimulated,
    }
    /// Arrays that are ended by request.
    EndedArray {
        /// FAILED with the caller's reason when the last child has ended, even if all succeeded.
        Failed,
    }
    /// Attempts on replaced instances.
    ReplacedAttempts {
        /// What those of a lost host tell.
        LostHost,
    }
}

impl BatchAssumptions {
    /// What the engine goes by.
    pub fn choices(&self) -> Choices {
        Choices {
            evaluation_delay: self.evaluation_delay.span(),
            lookahead: self.lookahead,
            exit_star_needs_code: self.exit_star_needs_code,
            timeout_lag: self.timeout_lag.span(),
            idle_time: self.idle_time.span(),
            usage_mode: match self.usage_mode {
                Usage::Window => UsageMode::Window,
                Usage::Current => UsageMode::Current,
            },
            inactive_lag: self.inactive_lag.span(),
        }
    }

    /// The longest grace that a container has. Source: AWS Batch user guide, "Job timeouts".
    pub fn grace(&self) -> SimDuration {
        self.term_grace.span().min(SimDuration::from_secs(30))
    }
}
