//! Choices where AWS documents nothing: one key each, with the readings that are simulated.
//!
//! A key with one reading is there all the same, so that a result tells what it rests on. The marks
//! such as [U-01] number the open questions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::FargateSizes;
use crate::engine::plan::{Choices, ResourceRelease, ScaleInOrder, WaitingOrder};
use crate::time::SimDuration;
use crate::units::Duration;

/// Declares the readings of questions; the first is the default.
macro_rules! readings {
    ($(
        $(#[$about:meta])* $name:ident {
            $(#[$first_about:meta])* $first:ident,
            $($(#[$other_about:meta])* $other:ident,)*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $(#[$first_about])*
            #[default]
            $first,
            $($(#[$other_about])* $other,)*
        }
    )*};
}

/// Declares the assumptions with their defaults.
macro_rules! assumptions {
    (
        $(#[$of_all:meta])* $all:ident;
        $($(#[$about:meta])* $key:ident: $kind:ty = $default:expr,)*
    ) => {
        $(#[$of_all])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $all {
            $($(#[$about])* pub $key: $kind,)*
        }

        impl Default for $all {
            fn default() -> Self {
                $all { $($key: $default,)* }
            }
        }
    };
}

mod batch;

pub use batch::BatchAssumptions;

assumptions! {
    /// Choices where AWS documents nothing, each with its default.
    Assumptions;

    /// AWS Batch.
    aws_batch: BatchAssumptions = BatchAssumptions::default(),
    /// How the tasks of one call are placed [U-01].
    batch: Batch = Batch::default(),
    /// How the rules of a strategy work together [U-02].
    strategy_chain: StrategyChain = StrategyChain::default(),
    /// Which of the instances goes first that the whole strategy chain leaves equal [U-03].
    ties: Ties = Ties::default(),
    /// Which tasks count for `spread`, `task:group` and `distinctInstance` [U-04].
    counted_tasks: CountedTasks = CountedTasks::default(),
    /// Over which instances `spread` counts the tasks of an attribute's value [U-05].
    spread_totals: SpreadTotals = SpreadTotals::default(),
    /// Where instances stand that lack the attribute of `spread` [U-06].
    missing_spread_attribute: MissingSpreadAttribute = MissingSpreadAttribute::default(),
    /// What `random` does to the rules after it [U-07].
    random_in_chain: RandomInChain = RandomInChain::default(),
    /// How RunTask chooses without a strategy [U-08].
    no_strategy: NoStrategy = NoStrategy::default(),
    /// What `binpack` compares [U-09].
    binpack_amount: BinpackAmount = BinpackAmount::default(),
    /// In which order the reasons are tested why an instance does not take a task [U-10].
    failure_order: FailureOrder = FailureOrder::default(),
    /// How often a call tells why an instance took none of its tasks [U-11].
    repeated_failures: RepeatedFailures = RepeatedFailures::default(),
    /// What RunTask tells of instances that are not ACTIVE [U-12].
    inactive_instances: InactiveInstances = InactiveInstances::default(),
    /// Whether StartTask checks the task definition's `memberOf` constraints [U-13].
    start_task_member_of: StartTaskMemberOf = StartTaskMemberOf::default(),
    /// How many host ports of an instance may be reserved, TCP and UDP together; a task beyond is
    /// refused with RESOURCE:PORTS [U-14].
    #[schemars(range(min = 100, max = 100))]
    port_limit: u32 = 100,
    /// Which GPUs of an instance a task gets [U-15].
    gpu_ids: GpuIds = GpuIds::default(),
    /// When a stopping task's resources are free for others [U-16].
    resource_release: Release = Release::default(),
    /// When a stopping task's network interface is free for others; its GPUs are with its
    /// memory [U-17].
    interface_release: InterfaceRelease = InterfaceRelease::default(),
    /// What a task needs that asks for all GPUs [U-18].
    gpu_all: GpuAll = GpuAll::default(),
    /// How the Windows version of a task is compared with that of an instance [U-19].
    windows_family: WindowsFamily = WindowsFamily::default(),
    /// Which instances launch type EC2 may use [U-20].
    ec2_launch_type: Ec2LaunchType = Ec2LaunchType::default(),
    /// What binds more tightly in a query [U-21].
    query_precedence: QueryPrecedence = QueryPrecedence::default(),
    /// What a query says of an attribute that is not there [U-22].
    missing_attribute: MissingAttribute = MissingAttribute::default(),
    /// How a query orders the values of attributes [U-23].
    attribute_order: AttributeOrder = AttributeOrder::default(),
    /// How texts are quoted in a query [U-24].
    query_quotes: QueryQuotes = QueryQuotes::default(),
    /// How the keywords of a query are written [U-25].
    keyword_case: KeywordCase = KeywordCase::default(),
    /// What a query gives that cannot be read [U-26].
    bad_expression: BadExpression = BadExpression::default(),
    /// What a pattern of a query must match [U-27].
    regex_anchoring: RegexAnchoring = RegexAnchoring::default(),
    /// For what the base and the weights of a capacity provider strategy are counted [U-28].
    strategy_scope: StrategyScope = StrategyScope::default(),
    /// Which provider gets the next task of a call by its weight [U-29].
    weighted_order: WeightedOrder = WeightedOrder::default(),
    /// What a provider gets with a base and weight 0 [U-30].
    base_without_weight: BaseWithoutWeight = BaseWithoutWeight::default(),
    /// Which instances managed scaling counts as running [U-31].
    running_instances: RunningInstances = RunningInstances::default(),
    /// Whether managed scaling looks at `memberOf` when it reckons how many instances are
    /// needed [U-32].
    member_of_in_need: MemberOfInNeed = MemberOfInNeed::default(),
    /// Who of the tasks that wait in PROVISIONING may pass whom [U-33].
    waiting_order: Waiting = Waiting::default(),
    /// What `createdAt` of a task is [U-34].
    created_at: CreatedAt = CreatedAt::default(),
    /// How long a task waits in PROVISIONING for capacity of its provider [U-35].
    provisioning_patience: Duration = Choices::default().patience.into(),
    /// Which instance scale-in takes first [U-36].
    scale_in_order: ScaleIn = ScaleIn::default(),
    /// Whether a task that was started by launch type keeps an instance of a provider [U-37].
    launch_type_tasks: LaunchTypeTasks = LaunchTypeTasks::default(),
    /// What a call gives whose overrides put a hard memory limit below the soft one [U-38].
    memory_below_reservation: MemoryBelowReservation = MemoryBelowReservation::default(),
    /// Which task a service stops first where its strategy does not say [U-39].
    service_scale_in: ServiceScaleIn = ServiceScaleIn::default(),
    /// Which instance a service names as the closest match when it cannot place a task [U-40].
    closest_match: ClosestMatch = ClosestMatch::default(),
    /// From the launch of an instance to its registration, unless its group says otherwise [U-41].
    boot_time: Duration = Choices::default().boot_time.into(),
    /// What the health status of an instance changes [U-42].
    instance_health: InstanceHealth = InstanceHealth::default(),
    /// What a date without a time and a zone is in a query [U-43].
    date_without_zone: DateWithoutZone = DateWithoutZone::default(),
    /// How long until a service tries again that found no place for a task; also the first delay
    /// after tasks that never ran, which doubles [U-44].
    service_retry: Duration = Choices::default().service_retry.into(),
    /// Which error a call gets that breaks several rules [U-45].
    several_errors: SeveralErrors = SeveralErrors::default(),
    /// The operating system of a task definition that names none [U-46].
    unnamed_system: UnnamedSystem = UnnamedSystem::default(),
    /// What becomes of the client token of a call that started nothing [U-47].
    failed_call_token: FailedCallToken = FailedCallToken::default(),
    /// How many tasks of a cluster may wait in PROVISIONING for a capacity provider; older texts
    /// of AWS say 100 and 300.
    #[schemars(range(min = 1, max = 1_000_000))]
    provisioning_task_limit: u32 = 500,
    /// How long a client token is remembered.
    client_token_lifetime: Duration = SimDuration::from_secs(24 * 3600).into(),
    /// From RUNNING to healthy for a service task without any health check.
    healthy_after: Duration = Choices::default().healthy_after.into(),
    /// Attaching a network interface to a task on an instance.
    interface_attachment: Duration = Choices::default().interface_attachment.into(),
    /// Detaching it.
    interface_detachment: Duration = Choices::default().interface_detachment.into(),
    /// PROVISIONING of a task on Fargate.
    fargate_provisioning: Duration = Choices::default().fargate_provisioning.into(),
    /// DEPROVISIONING of a task on Fargate.
    fargate_deprovisioning: Duration = Choices::default().fargate_deprovisioning.into(),
    /// Which of the published tables of task sizes Fargate offers: `model` ends at 16 vCPUs,
    /// `newest` at 32.
    fargate_sizes: FargateSizes = FargateSizes::default(),
    /// Whether an instance must list the agent capabilities that a task definition needs.
    capabilities: Capabilities = Capabilities::default(),
}

readings! {
    /// The tasks of one call.
    Batch {
        /// One after another, each seeing those before it.
        OneAtATime,
    }
    /// A chain of rules.
    StrategyChain {
        /// Each rule keeps the best of what the one before has left.
        SuccessiveNarrowing,
    }
    /// The last tie.
    Ties {
        /// The instance that registered first.
        LowestId,
        /// Any of them, with equal chance, from a stream of its own.
        Random,
        /// The first in a random order of the instances, which the seed draws and which stays for
        /// the whole run.
        Shuffled,
    }
    /// Tasks that count.
    CountedTasks {
        /// Those whose desired status is RUNNING, so that a burst spreads before its tasks start.
        DesiredRunning,
    }
    /// Instances whose tasks count.
    SpreadTotals {
        /// All with the value, whether or not they may take the task.
        AllInstances,
    }
    /// Instances without the attribute.
    MissingSpreadAttribute {
        /// After all others, together.
        Last,
    }
    /// `random` before other rules.
    RandomInChain {
        /// The rules after it have no effect.
        EndsChain,
    }
    /// RunTask without a strategy.
    NoStrategy {
        /// Any instance that may take the task, with equal chance.
        Random,
    }
    /// The measure of `binpack`.
    BinpackAmount {
        /// What remains of the resource that the rule names, in its own unit.
        NamedField,
    }
    /// The order of reasons.
    FailureOrder {
        /// Agent, attributes, zone, resources, constraints: what can never be comes first.
        Pipeline,
    }
    /// Reasons that repeat.
    RepeatedFailures {
        /// Once for each instance, however many tasks were not placed.
        OncePerInstance,
    }
    /// Instances that are not ACTIVE.
    InactiveInstances {
        /// Nothing; StartTask tells INACTIVE.
        Silent,
    }
    /// `memberOf` under StartTask.
    StartTaskMemberOf {
        /// Not checked: the caller is the scheduler.
        Ignored,
        /// Checked like everything else.
        Checked,
    }
    /// The choice of GPUs.
    GpuIds {
        /// The first that are free, in the order of registration.
        FirstFree,
    }
    /// The end of a reservation.
    Release {
        /// When it begins to stop; on the instance a newcomer waits until it has stopped.
        OnStopping,
        /// When it has stopped.
        OnStopped,
    }
    /// The end of an interface.
    InterfaceRelease {
        /// When the task is STOPPED.
        OnStopped,
    }
    /// All GPUs.
    GpuAll {
        /// All GPUs of the instance are free.
        AllFree,
    }
    /// Windows versions.
    WindowsFamily {
        /// They are the same.
        Exact,
    }
    /// Launch type EC2 and capacity providers.
    Ec2LaunchType {
        /// Every instance that is not external, also those of capacity providers.
        AllInstances,
        /// Those of no capacity provider.
        OutsideProviders,
    }
    /// Precedence.
    QueryPrecedence {
        /// `not`, then `and`, then `or`.
        NotAndOr,
    }
    /// Attributes that are not there.
    MissingAttribute {
        /// No comparison with it holds; negated tests of groups are complements.
        DoesNotMatch,
    }
    /// Greater and less.
    AttributeOrder {
        /// As numbers where both are numbers, else by code points.
        NumericThenText,
    }
    /// Quotes.
    QueryQuotes {
        /// Single and double ones, without escapes.
        BothWithoutEscapes,
    }
    /// Keywords.
    KeywordCase {
        /// In lower case.
        Lower,
    }
    /// A bad query.
    BadExpression {
        /// InvalidParameterException.
        InvalidParameter,
    }
    /// Patterns.
    RegexAnchoring {
        /// The whole value.
        WholeValue,
    }
    /// The scope of a strategy.
    StrategyScope {
        /// For each call of RunTask, and for each service over its life.
        PerCallOrService,
    }
    /// Weights within a call.
    WeightedOrder {
        /// The one that lacks most of its share; of equal ones the first in the list.
        LargestDeficit,
    }
    /// A base alone.
    BaseWithoutWeight {
        /// Its base and no more.
        Honoured,
    }
    /// Running instances.
    RunningInstances {
        /// Those that are registered and ACTIVE; a scale-out never lowers the desired capacity.
        Registered,
    }
    /// Constraints of waiting tasks.
    MemberOfInNeed {
        /// It does not.
        Ignored,
    }
    /// The order of waiting tasks.
    Waiting {
        /// Oldest first; a later one that fits may pass.
        OldestFirst,
        /// Oldest first, and nobody passes it.
        HeadOfLine,
    }
    /// The moment of creation.
    CreatedAt {
        /// When the call was accepted.
        Acceptance,
    }
    /// The order of scale-in.
    ScaleIn {
        /// In the zone with most instances, the one that was launched first.
        FullestZoneOldest,
        /// The same, the one that was launched last.
        FullestZoneNewest,
    }
    /// Tasks that no provider knows of.
    LaunchTypeTasks {
        /// It does: the instance is not empty.
        Keep,
        /// It does not: the instance counts as empty.
        DoNotKeep,
    }
    /// A hard limit below the soft one.
    MemoryBelowReservation {
        /// InvalidParameterException.
        Refused,
    }
    /// The first to be stopped.
    ServiceScaleIn {
        /// Not yet RUNNING, then on a DRAINING instance, then unhealthy, then by the strategy
        /// narrowed rule by rule; of the rest any, and protected tasks last.
        StateThenStrategy,
    }
    /// The closest match.
    ClosestMatch {
        /// The one whose test failed latest.
        LatestFailingStage,
    }
    /// Health of instances.
    InstanceHealth {
        /// Nothing.
        Ignored,
    }
    /// A bare date.
    DateWithoutZone {
        /// Midnight UTC.
        Utc,
    }
    /// Several errors.
    SeveralErrors {
        /// That of the first rule, in a fixed order.
        FirstRule,
    }
    /// No operating system.
    UnnamedSystem {
        /// That of the instance.
        OfTheInstance,
    }
    /// A token without tasks.
    FailedCallToken {
        /// It is free for another call.
        Free,
    }
    /// Capabilities of agents.
    Capabilities {
        /// No: agents are taken to have all of them.
        Ignored,
        /// Yes, as attributes such as `com.amazonaws.ecs.capability.logging-driver.awslogs`.
        Checked,
    }
}

impl Assumptions {
    /// The choices of the engine among these.
    pub fn choices(&self) -> Choices {
        Choices {
            release: match self.resource_release {
                Release::OnStopping => ResourceRelease::OnStopping,
                Release::OnStopped => ResourceRelease::OnStopped,
            },
            boot_time: self.boot_time.span(),
            patience: self.provisioning_patience.span(),
            token_life: self.client_token_lifetime.span(),
            provisioning_limit: self.provisioning_task_limit,
            waiting_order: match self.waiting_order {
                Waiting::OldestFirst => WaitingOrder::OldestFirst,
                Waiting::HeadOfLine => WaitingOrder::HeadOfLine,
            },
            service_retry: self.service_retry.span(),
            healthy_after: self.healthy_after.span(),
            interface_attachment: self.interface_attachment.span(),
            interface_detachment: self.interface_detachment.span(),
            fargate_provisioning: self.fargate_provisioning.span(),
            fargate_deprovisioning: self.fargate_deprovisioning.span(),
            scale_in_order: match self.scale_in_order {
                ScaleIn::FullestZoneOldest => ScaleInOrder::FullestZoneOldest,
                ScaleIn::FullestZoneNewest => ScaleInOrder::FullestZoneNewest,
            },
            launch_type_counts: self.launch_type_tasks == LaunchTypeTasks::Keep,
        }
    }
}
