//! Placement: from a cluster and a request to a container instance.
//!
//! As the ECS developer guide has it ("How Amazon ECS places tasks on container instances"): of
//! the registered instances take those with enough CPU, GPU, memory and free ports; of these the
//! ones that satisfy every constraint; rank them by the strategies; take the best. Constraints
//! bind, strategies never keep a task out. Nothing here changes the cluster.
//!
//! - [`constraint`] says which instances may take a task, and why the others may not;
//! - [`scan`] is the definition of the choice: look at every instance, keep the best;
//! - [`index`] gives the same choice at a cost that hardly grows with the number of instances;
//!   [`tree`] is the ordered structure below it;
//! - [`score`] and [`fragmentation`] are what extension strategies (`x-…`) think of an instance;
//! - [`device`] says which GPU is shared, once the instance is chosen.

pub mod constraint;
pub mod device;
pub mod fragmentation;
pub mod index;
pub mod scan;
pub mod score;
pub mod tree;
