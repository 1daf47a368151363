//! Compute environments.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::definition::PlatformCapability;
use super::overrides::replace;
use super::{check_name, check_tags, in_range, within};
use crate::api::capacity_provider::Switch;
use crate::api::error::{ApiError, Checked};

/// Minutes that instances stay after their last job, where 0 is unset. Source: AWS Batch API reference,
/// ComputeScalingPolicy.
const SCALE_DOWN_DELAY: std::ops::RangeInclusive<i64> = 20..=10_080;

/// Minutes that jobs may go on during an update. Source: AWS Batch API reference, UpdatePolicy.
const JOB_EXECUTION_TIMEOUT: std::ops::RangeInclusive<i64> = 1..=7200;

/// Seconds that an idle managed instance stays, where -1 is for ever. Source: AWS Batch API reference,
/// InfrastructureOptimization.
const SCALE_IN_AFTER: std::ops::RangeInclusive<i64> = -1..=3600;

/// Most of a number of vCPUs, which Batch keeps in 32 bits.
const MAX_VCPUS: i64 = i32::MAX as i64;

/// A compute environment, as CreateComputeEnvironment takes it or as DescribeComputeEnvironments prints it.
///
/// Source: AWS Batch API reference, CreateComputeEnvironment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchComputeEnvironment")]
pub struct ComputeEnvironment {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub compute_environment_name: String,
    /// Who supplies the instances.
    pub r#type: ComputeEnvironmentType,
    /// State, which at creation is ENABLED.
    pub state: Option<Switch>,
    /// vCPUs of an unmanaged environment, for the reservation of fair share only.
    #[serde(rename = "unmanagedvCpus")]
    pub unmanaged_vcpus: Option<i64>,
    /// What a managed environment launches.
    pub compute_resources: Option<ComputeResources>,
    /// How jobs fare in an update of the infrastructure.
    pub update_policy: Option<UpdatePolicy>,
    /// Cluster of Amazon EKS; not simulated.
    pub eks_configuration: Option<Value>,
    /// Role of the service; without effect.
    pub service_role: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Reserved; without effect.
    pub context: Option<Value>,
    /// Settings of the cluster; without effect.
    pub ecs_settings: Option<Value>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub compute_environment_arn: Option<Value>,
    /// Cluster, as printed by Batch; without effect.
    pub ecs_cluster_arn: Option<Value>,
    /// Orchestration type, as printed by Batch; without effect.
    pub container_orchestration_type: Option<Value>,
    /// Status, as printed by Batch; without effect.
    pub status: Option<Value>,
    /// Reason of the status, as printed by Batch; without effect.
    pub status_reason: Option<Value>,
    /// Identifier, as printed by Batch; without effect.
    pub uuid: Option<Value>,
}

/// Who supplies the instances of a compute environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchComputeEnvironmentType")]
pub enum ComputeEnvironmentType {
    /// Batch.
    Managed,
    /// The owner.
    Unmanaged,
}

/// What a managed compute environment launches. The same fields, all but one, can be updated.
///
/// Source: AWS Batch API reference, ComputeResource and ComputeResourceUpdate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchComputeResources")]
pub struct ComputeResources {
    /// On what jobs run. A managed environment must have it.
    pub r#type: Option<ComputeResourceType>,
    /// Which of the instance types is launched. Absent is BEST_FIT.
    pub allocation_strategy: Option<AllocationStrategy>,
    /// vCPUs that are kept up at least. EC2 and Spot must have it, and no other.
    #[serde(rename = "minvCpus")]
    pub min_vcpus: Option<i64>,
    /// vCPUs at most. A managed environment must have it.
    #[serde(rename = "maxvCpus")]
    pub max_vcpus: Option<i64>,
    /// vCPUs at first: within the other two. Absent is `minvCpus`.
    #[serde(rename = "desiredvCpus")]
    pub desired_vcpus: Option<i64>,
    /// Instance types, families of them, `optimal`, `default_x86_64` or `default_arm64`.
    pub instance_types: Option<Vec<String>>,
    /// Percent of the price on demand below which a Spot price must be. Absent is 100.
    pub bid_percentage: Option<i64>,
    /// Role of instances, which EC2 and Spot need.
    pub instance_role: Option<String>,
    /// Role of the Spot fleet, which BEST_FIT on Spot needs.
    pub spot_iam_fleet_role: Option<String>,
    /// How instances go away.
    pub scaling_policy: Option<ComputeScalingPolicy>,
    /// What ECS Managed Instances are launched.
    pub managed_instances_provider: Option<ManagedInstancesProvider>,
    /// Machine image; without effect.
    pub image_id: Option<Value>,
    /// Subnets; without effect.
    pub subnets: Option<Value>,
    /// Security groups; without effect.
    pub security_group_ids: Option<Value>,
    /// Key pair; without effect.
    pub ec2_key_pair: Option<Value>,
    /// Tags of instances; without effect.
    pub tags: Option<Value>,
    /// Placement group; without effect.
    pub placement_group: Option<Value>,
    /// Launch template; without effect.
    pub launch_template: Option<Value>,
    /// Choice of machine images; without effect.
    pub ec2_configuration: Option<Value>,
    /// Tags of managed instances; without effect.
    pub capacity_tags: Option<Value>,
    /// Whether an update takes the newest machine image; of updates only.
    pub update_to_latest_image_version: Option<bool>,
}

/// On what the jobs of a managed compute environment run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchComputeResourceType")]
pub enum ComputeResourceType {
    /// Instances on demand.
    Ec2,
    /// Spot instances.
    Spot,
    /// Fargate.
    Fargate,
    /// Fargate on spare capacity.
    FargateSpot,
    /// Amazon ECS Managed Instances.
    EcsManagedInstances,
}

/// Which instance types Batch launches.
///
/// Source: AWS Batch user guide, "Instance type allocation strategies".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchAllocationStrategy")]
pub enum AllocationStrategy {
    /// The one that fits best; no other when it is not to be had.
    #[default]
    BestFit,
    /// The cheapest a vCPU, and others when it is not to be had.
    BestFitProgressive,
    /// In the order listed; on demand only.
    BestFitProgressiveOrdered,
    /// Those least likely to be interrupted; Spot only.
    SpotCapacityOptimized,
    /// Those least likely to be interrupted, then the cheapest; Spot only.
    SpotPriceCapacityOptimized,
    /// Those least likely to be interrupted, then in the order listed; Spot only.
    SpotCapacityOptimizedPrioritized,
}

/// How the instances of a compute environment go away.
///
/// Source: AWS Batch API reference, ComputeScalingPolicy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchComputeScalingPolicy")]
pub struct ComputeScalingPolicy {
    /// Minutes that an instance stays after its last job: 20 to 10080. Absent or 0 is unset.
    pub min_scale_down_delay_minutes: Option<i64>,
}

/// How jobs fare in an update of the infrastructure.
///
/// Source: AWS Batch API reference, UpdatePolicy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchUpdatePolicy")]
pub struct UpdatePolicy {
    /// Whether running jobs are ended at once. Absent is false.
    pub terminate_jobs_on_update: Option<bool>,
    /// Minutes that they may go on otherwise: 1 to 7200. Absent is 30.
    pub job_execution_timeout_minutes: Option<i64>,
}

/// The ECS Managed Instances of a compute environment.
///
/// Source: AWS Batch API reference, ManagedInstancesProvider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchManagedInstancesProvider")]
pub struct ManagedInstancesProvider {
    /// What is launched.
    pub instance_launch_template: Option<InstanceLaunchTemplate>,
    /// How idle instances go away.
    pub infrastructure_optimization: Option<InfrastructureOptimization>,
    /// Role of the infrastructure; without effect.
    pub infrastructure_role_arn: Option<Value>,
    /// From where tags are propagated; without effect.
    pub propagate_tags: Option<Value>,
}

/// What ECS Managed Instances are launched.
///
/// Source: AWS Batch API reference, InstanceLaunchTemplate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchInstanceLaunchTemplate")]
pub struct InstanceLaunchTemplate {
    /// Which instance types may be launched.
    pub instance_requirements: Option<InstanceRequirements>,
    /// `ON_DEMAND` or `SPOT`. Absent is ON_DEMAND.
    pub capacity_option_type: Option<String>,
    /// Profile of instances; without effect.
    pub ec2_instance_profile_arn: Option<Value>,
    /// Networking; without effect.
    pub network_configuration: Option<Value>,
    /// Storage; without effect.
    pub storage_configuration: Option<Value>,
    /// Local storage; without effect.
    pub local_storage_configuration: Option<Value>,
    /// Monitoring; without effect.
    pub monitoring: Option<Value>,
    /// Whether cryptography follows FIPS; without effect.
    pub fips_enabled: Option<Value>,
    /// Capacity reservations; without effect.
    pub capacity_reservations: Option<Value>,
    /// Whether tags are seen in the metadata of instances; without effect.
    pub instance_metadata_tags_propagation: Option<Value>,
}

/// Which instance types ECS Managed Instances may be of.
///
/// Source: AWS Batch API reference, InstanceRequirementsRequest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchInstanceRequirements")]
pub struct InstanceRequirements {
    /// Instance types. Absent is any.
    pub allowed_instance_types: Option<Vec<String>>,
}

/// How idle ECS Managed Instances go away.
///
/// Source: AWS Batch API reference, InfrastructureOptimization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchInfrastructureOptimization")]
pub struct InfrastructureOptimization {
    /// Seconds that an idle instance stays: 0 to 3600, or -1 for ever.
    pub scale_in_after: Option<i64>,
}

/// A change of a compute environment, as UpdateComputeEnvironment takes it.
///
/// Source: AWS Batch API reference, UpdateComputeEnvironment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchUpdateComputeEnvironment")]
pub struct UpdateComputeEnvironment {
    /// Name or Amazon resource name of the environment.
    pub compute_environment: String,
    /// Replaces the state.
    pub state: Option<Switch>,
    /// Replaces the vCPUs of an unmanaged environment.
    #[serde(rename = "unmanagedvCpus")]
    pub unmanaged_vcpus: Option<i64>,
    /// Replaces, field by field, what is launched.
    pub compute_resources: Option<ComputeResources>,
    /// Replaces how jobs fare in an update.
    pub update_policy: Option<UpdatePolicy>,
    /// Cluster of Amazon EKS; not simulated.
    pub eks_configuration: Option<Value>,
    /// Role of the service; without effect.
    pub service_role: Option<Value>,
    /// Reserved; without effect.
    pub context: Option<Value>,
    /// Settings of the cluster; without effect.
    pub ecs_settings: Option<Value>,
}

impl ComputeEnvironment {
    /// Checks the call.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken; UnsupportedFeatureException for Amazon EKS.
    pub fn validate(&self) -> Result<(), ApiError> {
        // Batch takes an environment only as ENABLED; it may be disabled later.
        if self.state == Some(Switch::Disabled) {
            let message = "A compute environment must be created ENABLED.";
            return Err(ApiError::client("state", message));
        }
        self.check()
    }

    /// To what the environment belongs. To be asked of a valid one.
    pub fn platform(&self) -> PlatformCapability {
        let kind = self
            .compute_resources
            .as_ref()
            .and_then(|resources| resources.r#type);
        match kind {
            Some(ComputeResourceType::Fargate | ComputeResourceType::FargateSpot) => {
                PlatformCapability::Fargate
            }
            Some(ComputeResourceType::EcsManagedInstances) => PlatformCapability::ManagedInstances,
            Some(ComputeResourceType::Ec2 | ComputeResourceType::Spot) | None => {
                PlatformCapability::Ec2
            }
        }
    }

    /// All rules but that on the state, which is one of creation.
    fn check(&self) -> Checked {
        check_name("computeEnvironmentName", &self.compute_environment_name)?;
        check_tags(self.tags.as_ref())?;
        if self.eks_configuration.is_some() {
            let message = "Compute environments of Amazon EKS are not simulated.";
            return Err(ApiError::unsupported("eksConfiguration", message));
        }
        in_range("unmanagedvCpus", self.unmanaged_vcpus, 0..=MAX_VCPUS)?;
        if let Some(policy) = self.update_policy {
            in_range(
                "updatePolicy.jobExecutionTimeoutMinutes",
                policy.job_execution_timeout_minutes,
                JOB_EXECUTION_TIMEOUT,
            )?;
        }
        match self.r#type {
            ComputeEnvironmentType::Managed => self.check_managed(),
            ComputeEnvironmentType::Unmanaged => self.check_unmanaged(),
        }
    }

    fn check_managed(&self) -> Checked {
        // Descriptions print a 0.
        if self.unmanaged_vcpus.is_some_and(|vcpus| vcpus > 0) {
            let message = "unmanagedvCpus is for unmanaged compute environments only.";
            return Err(ApiError::client("unmanagedvCpus", message));
        }
        let Some(resources) = &self.compute_resources else {
            let message = "A managed compute environment needs computeResources.";
            return Err(ApiError::client("computeResources", message));
        };
        resources.check().map_err(within("computeResources"))
    }

    fn check_unmanaged(&self) -> Checked {
        if self.platform() == PlatformCapability::Ec2 {
            return Ok(());
        }
        let message = "An unmanaged compute environment has instances of EC2 only.";
        Err(ApiError::client("computeResources.type", message))
    }
}

impl ComputeResources {
    /// The allocation strategy, where instances are launched.
    pub fn strategy(&self) -> AllocationStrategy {
        self.allocation_strategy.unwrap_or_default()
    }

    fn check(&self) -> Checked {
        let Some(kind) = self.r#type else {
            return Err(required("type"));
        };
        if self.max_vcpus.is_none() {
            return Err(required("maxvCpus"));
        }
        in_range("maxvCpus", self.max_vcpus, 0..=MAX_VCPUS)?;
        if self.update_to_latest_image_version.is_some() {
            let message = "updateToLatestImageVersion is for updates only.";
            return Err(ApiError::client("updateToLatestImageVersion", message));
        }
        match kind {
            ComputeResourceType::Ec2 | ComputeResourceType::Spot => self.check_instances(kind),
            ComputeResourceType::Fargate | ComputeResourceType::FargateSpot => {
                self.check_not_applicable("Fargate")?;
                self.check_no_provider()
            }
            ComputeResourceType::EcsManagedInstances => {
                self.check_not_applicable("ECS_MANAGED_INSTANCES")?;
                match &self.managed_instances_provider {
                    Some(provider) => provider.check().map_err(within("managedInstancesProvider")),
                    None => Err(required("managedInstancesProvider")),
                }
            }
        }
    }

    fn check_instances(&self, kind: ComputeResourceType) -> Checked {
        if self.instance_role.as_deref().unwrap_or_default().is_empty() {
            return Err(ApiError::client(
                "instanceRole",
                "Instance role is required.",
            ));
        }
        let (Some(least), Some(most)) = (self.min_vcpus, self.max_vcpus) else {
            return Err(required("minvCpus"));
        };
        in_range("minvCpus", Some(least), 0..=most)?;
        in_range("desiredvCpus", self.desired_vcpus, least..=most)?;
        in_range("bidPercentage", self.bid_percentage, 1..=i64::MAX)?;
        self.check_no_provider()?;
        self.check_strategy(kind)?;
        self.check_bundles()?;
        let delay = self
            .scaling_policy
            .and_then(|policy| policy.min_scale_down_delay_minutes);
        in_range(
            "scalingPolicy.minScaleDownDelayMinutes",
            delay.filter(|&minutes| minutes != 0),
            SCALE_DOWN_DELAY,
        )
    }

    /// Source: AWS Batch user guide, "Instance type allocation strategies".
    fn check_strategy(&self, kind: ComputeResourceType) -> Checked {
        let spot = kind == ComputeResourceType::Spot;
        let strategy = self.strategy();
        let field = "allocationStrategy";
        let suits = match strategy {
            AllocationStrategy::BestFit | AllocationStrategy::BestFitProgressive => true,
            AllocationStrategy::BestFitProgressiveOrdered => !spot,
            AllocationStrategy::SpotCapacityOptimized
            | AllocationStrategy::SpotPriceCapacityOptimized
            | AllocationStrategy::SpotCapacityOptimizedPrioritized => spot,
        };
        if !suits {
            let message = format!(
                "The allocation strategy is not for type {}.",
                if spot { "SPOT" } else { "EC2" }
            );
            return Err(ApiError::client(field, message));
        }
        let role = self.spot_iam_fleet_role.as_deref().unwrap_or_default();
        if spot && strategy == AllocationStrategy::BestFit && role.is_empty() {
            let message = "spotIamFleetRole is required for BEST_FIT on Spot.";
            return Err(ApiError::client("spotIamFleetRole", message));
        }
        Ok(())
    }

    /// Source: AWS Batch user guide, compute environment parameters: one architecture.
    fn check_bundles(&self) -> Checked {
        let types = self.instance_types.as_deref().unwrap_or_default();
        let names = |bundle: &str| types.iter().any(|name| name == bundle);
        if names("default_arm64") && (names("default_x86_64") || names("optimal")) {
            let message = "The instance types of a compute environment must have one architecture.";
            return Err(ApiError::client("instanceTypes", message));
        }
        Ok(())
    }

    fn check_no_provider(&self) -> Checked {
        if self.managed_instances_provider.is_none() {
            return Ok(());
        }
        let message = "managedInstancesProvider is for ECS_MANAGED_INSTANCES only.";
        Err(ApiError::client("managedInstancesProvider", message))
    }

    /// What stands for instances that Batch launches itself. An empty list or map counts as absent, because
    /// descriptions print such.
    fn check_not_applicable(&self, kind: &str) -> Checked {
        let some = |value: &Option<Value>| match value {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(_) => true,
        };
        let types = self.instance_types.as_ref();
        let given = [
            ("allocationStrategy", self.allocation_strategy.is_some()),
            ("minvCpus", self.min_vcpus.is_some()),
            ("desiredvCpus", self.desired_vcpus.is_some()),
            (
                "instanceTypes",
                types.is_some_and(|types| !types.is_empty()),
            ),
            ("bidPercentage", self.bid_percentage.is_some()),
            ("instanceRole", self.instance_role.is_some()),
            ("spotIamFleetRole", self.spot_iam_fleet_role.is_some()),
            ("scalingPolicy", self.scaling_policy.is_some()),
            ("imageId", some(&self.image_id)),
            ("ec2KeyPair", some(&self.ec2_key_pair)),
            ("tags", some(&self.tags)),
            ("placementGroup", some(&self.placement_group)),
            ("launchTemplate", some(&self.launch_template)),
            ("ec2Configuration", some(&self.ec2_configuration)),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => {
                let message = format!("{field} is not applicable for {kind}.");
                Err(ApiError::client(field, message))
            }
        }
    }

    /// Takes over what `update` has.
    fn apply(&mut self, update: &ComputeResources) {
        replace(&mut self.r#type, &update.r#type);
        replace(&mut self.allocation_strategy, &update.allocation_strategy);
        replace(&mut self.min_vcpus, &update.min_vcpus);
        replace(&mut self.max_vcpus, &update.max_vcpus);
        replace(&mut self.desired_vcpus, &update.desired_vcpus);
        replace(&mut self.instance_types, &update.instance_types);
        replace(&mut self.bid_percentage, &update.bid_percentage);
        replace(&mut self.instance_role, &update.instance_role);
        replace(&mut self.spot_iam_fleet_role, &update.spot_iam_fleet_role);
        replace(&mut self.scaling_policy, &update.scaling_policy);
        replace(
            &mut self.managed_instances_provider,
            &update.managed_instances_provider,
        );
        replace(&mut self.image_id, &update.image_id);
        replace(&mut self.subnets, &update.subnets);
        replace(&mut self.security_group_ids, &update.security_group_ids);
        replace(&mut self.ec2_key_pair, &update.ec2_key_pair);
        replace(&mut self.tags, &update.tags);
        replace(&mut self.placement_group, &update.placement_group);
        replace(&mut self.launch_template, &update.launch_template);
        replace(&mut self.ec2_configuration, &update.ec2_configuration);
        replace(&mut self.capacity_tags, &update.capacity_tags);
    }

    /// The same, without what a scaling update may change.
    fn infrastructure(&self) -> ComputeResources {
        ComputeResources {
            min_vcpus: None,
            max_vcpus: None,
            desired_vcpus: None,
            scaling_policy: None,
            ..self.clone()
        }
    }
}

impl ManagedInstancesProvider {
    fn check(&self) -> Checked {
        let optimization = self.infrastructure_optimization;
        in_range(
            "infrastructureOptimization.scaleInAfter",
            optimization.and_then(|optimization| optimization.scale_in_after),
            SCALE_IN_AFTER,
        )?;
        let template = self.instance_launch_template.as_ref();
        match template.and_then(|template| template.capacity_option_type.as_deref()) {
            None | Some("ON_DEMAND" | "SPOT") => Ok(()),
            Some(other) => {
                let message =
                    format!("capacityOptionType is '{other}'; it may be ON_DEMAND or SPOT.");
                let field = "instanceLaunchTemplate.capacityOptionType";
                Err(ApiError::client(field, message))
            }
        }
    }
}

impl UpdateComputeEnvironment {
    /// The environment as it is after the call: what is absent stays as it is.
    pub fn applied_to(&self, environment: &ComputeEnvironment) -> ComputeEnvironment {
        let mut updated = environment.clone();
        replace(&mut updated.state, &self.state);
        replace(&mut updated.unmanaged_vcpus, &self.unmanaged_vcpus);
        replace(&mut updated.update_policy, &self.update_policy);
        if let Some(resources) = &self.compute_resources {
            updated
                .compute_resources
                .get_or_insert_default()
                .apply(resources);
        }
        updated
    }

    /// Whether instances are replaced, and not only their number changes.
    ///
    /// Source: AWS Batch user guide, "Updating compute environments".
    pub fn is_infrastructure_update(&self, environment: &ComputeEnvironment) -> bool {
        let Some(update) = &self.compute_resources else {
            return false;
        };
        let before = environment.compute_resources.clone().unwrap_or_default();
        let mut after = before.clone();
        after.apply(update);
        update.update_to_latest_image_version == Some(true)
            || after.infrastructure() != before.infrastructure()
    }

    /// Checks the call on an environment that has `desired` vCPUs at the moment.
    ///
    /// # Errors
    /// ClientException for a lower number of desired vCPUs, for an update of the infrastructure with
    /// BEST_FIT, and for the first rule that the environment would break after the call.
    pub fn validate(&self, environment: &ComputeEnvironment, desired: u32) -> Result<(), ApiError> {
        if self.eks_configuration.is_some() {
            let message = "Compute environments of Amazon EKS are not simulated.";
            return Err(ApiError::unsupported("eksConfiguration", message));
        }
        let wanted = self
            .compute_resources
            .as_ref()
            .and_then(|resources| resources.desired_vcpus);
        if wanted.is_some_and(|wanted| wanted < i64::from(desired)) {
            let message = "Manually scaling down compute environment is not supported. Disconnecting job queues from \
                           compute environment will cause it to scale-down to minvCpus";
            return Err(ApiError::client("computeResources.desiredvCpus", message));
        }
        let resources = environment.compute_resources.as_ref();
        let best_fit = environment.platform() == PlatformCapability::Ec2
            && resources
                .is_some_and(|resources| resources.strategy() == AllocationStrategy::BestFit);
        if best_fit && self.is_infrastructure_update(environment) {
            let message =
                "An infrastructure update needs an allocation strategy other than BEST_FIT.";
            return Err(ApiError::client("computeResources", message));
        }
        let mut updated = self.applied_to(environment);
        // Without a number of its own an update keeps what the environment has come to, not what it began with.
        if wanted.is_none()
            && let Some(resources) = &mut updated.compute_resources
        {
            resources.desired_vcpus = None;
        }
        updated.check()
    }
}

fn required(field: &str) -> ApiError {
    ApiError::client(field, format!("Resource {field} is required."))
}
