//! The errors that a call may end in.

use std::fmt;

/// What a check answers: nothing, or the rule that is broken.
pub(super) type Checked = Result<(), ApiError>;

/// The exceptions of Amazon ECS that the simulator raises.
///
/// Source: ECS API reference, RunTask and StartTask, "Errors".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The caller asks for something that does not exist or may not be done.
    Client,
    /// There is no such cluster.
    ClusterNotFound,
    /// The client token was used for another request.
    Conflict,
    /// A parameter has a value it may not have.
    InvalidParameter,
    /// The platform version cannot run the task definition.
    PlatformIncompatible,
    /// There is no such platform version.
    PlatformUnknown,
    /// The feature exists in ECS but not here.
    UnsupportedFeature,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ErrorCode::Client => "ClientException",
            ErrorCode::ClusterNotFound => "ClusterNotFoundException",
            ErrorCode::Conflict => "ConflictException",
            ErrorCode::InvalidParameter => "InvalidParameterException",
            ErrorCode::PlatformIncompatible => "PlatformTaskDefinitionIncompatibilityException",
            ErrorCode::PlatformUnknown => "PlatformUnknownException",
            ErrorCode::UnsupportedFeature => "UnsupportedFeatureException",
        })
    }
}

/// What a call answers that starts nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// Which exception it is.
    pub code: ErrorCode,
    /// What is wrong, in the words of ECS where they are known.
    pub message: String,
    /// Where in the document, such as `placementStrategy[0].field`.
    pub field: String,
}

impl ApiError {
    pub(super) fn new(
        code: ErrorCode,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        ApiError {
            code,
            message: message.into(),
            field: field.into(),
        }
    }

    pub(super) fn client(field: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::Client, field, message)
    }

    pub(super) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::InvalidParameter, field, message)
    }

    pub(super) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(ErrorCode::UnsupportedFeature, field, message)
    }

    /// The same error, seen from the document in which `parent` holds the faulty part.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') {
            ""
        } else {
            "."
        };
        self.field = format!("{parent}{dot}{}", self.field);
        self
    }

    /// There is no cluster of that name.
    pub fn cluster_not_found() -> Self {
        ApiError::new(ErrorCode::ClusterNotFound, "cluster", "Cluster not found.")
    }

    /// There is no task definition of that name.
    pub fn task_definition_not_found() -> Self {
        ApiError::client("taskDefinition", "TaskDefinition not found.")
    }

    /// The client token stands for an earlier request with other parameters.
    pub fn client_token_reused() -> Self {
        ApiError::new(
            ErrorCode::Conflict,
            "clientToken",
            "The client token was used for a request with different parameters.",
        )
    }

    /// No instance, of whatever status, was ever registered in the cluster.
    pub(super) fn no_container_instances() -> Self {
        ApiError::invalid(
            "cluster",
            "No Container Instances were found in your cluster.",
        )
    }

    /// Item `index` of the capacity provider strategy is not a provider of the cluster.
    pub(super) fn provider_not_on_cluster(strategy: &str, index: usize) -> Self {
        ApiError::invalid(
            format!("{strategy}[{index}].capacityProvider"),
            "The specified capacity provider strategy cannot contain a capacity provider that is \
             not associated with the cluster.",
        )
    }

    /// The cluster's default strategy has no provider with a positive weight.
    pub(super) fn default_strategy_without_weight() -> Self {
        ApiError::invalid(
            "capacityProviderStrategy",
            "There are no capacity providers with a weight value greater than zero defined in the \
             default capacity provider strategy.",
        )
    }

    /// The subnets of the request lie in more than one VPC.
    pub fn subnets_in_several_vpcs() -> Self {
        ApiError::invalid(
            "networkConfiguration.awsvpcConfiguration.subnets",
            "The subnets are not all in one VPC.",
        )
    }

    /// The call would pass `limit`, the number of tasks of a cluster that may wait in PROVISIONING
    /// for a capacity provider.
    pub fn provisioning_limit(limit: u32) -> Self {
        ApiError::client(
            "count",
            format!(
                "At most {limit} tasks of a cluster may wait in PROVISIONING for a capacity provider."
            ),
        )
    }
}
