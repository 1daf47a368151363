//! Capacity providers: which of them gets a task, and how many instances each should have.
//!
//! A capacity provider stands for an Auto Scaling group. A strategy divides tasks among providers
//! ([`strategy`]), before placement and whether or not there is room. Managed scaling then looks at
//! each provider once a minute ([`scaling`]): it estimates how many instances the waiting tasks
//! [`need`], takes a [`Reading`] of the metric CapacityProviderReservation, and a [`Scaler`] turns
//! that into a desired capacity. When the group shrinks, [`victims`] says which instances go first.
//!
//! These are pure decisions on numbers: nothing here knows a cluster, a calendar or a clock.
//! Source: ECS developer guide, "Amazon ECS capacity providers" and "Amazon ECS cluster auto
//! scaling"; AWS containers blog, "Deep dive on Amazon ECS cluster auto scaling".

pub mod scaling;
pub mod strategy;
mod victims;

pub use scaling::{
    AutoScalingGroup, Bounds, DATAPOINTS_BEFORE_SCALE_IN, Need, Reading, Scaler, WaitingGroup, need,
};
pub use strategy::Share;
pub use victims::{Member, victims};
