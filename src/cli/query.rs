//! `stowplan query`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, print};
use crate::query;
use crate::scenario;

/// Tell which container instances an expression of the cluster query language selects
#[derive(Args)]
pub struct Query {
    /// Expression, such as `attribute:ecs.instance-type =~ c5.*`
    expression: String,
    /// Scenario file
    scenario: PathBuf,
    /// Only this cluster
    #[arg(long)]
    cluster: Option<String>,
}

impl Query {
    /// Prints a line an instance, those that match first.
    pub fn run(self) -> Result<(), Failure> {
        let expression = query::parse(&self.expression).map_err(|error| {
            Failure::Input(format!(
                "error: not an expression of the cluster query language\n{}",
                error.snippet(&self.expression)
            ))
        })?;
        let loaded = scenario::load(&self.scenario)?;
        let clusters = &loaded.plan.world.clusters;
        let wanted = |name: &str| self.cluster.as_ref().is_none_or(|cluster| cluster == name);
        if !clusters.iter().any(|(_, cluster)| wanted(&cluster.name)) {
            let names: Vec<&str> = clusters
                .items()
                .iter()
                .map(|cluster| cluster.name.as_str())
                .collect();
            let name = self.cluster.as_deref().unwrap_or_default();
            return Err(Failure::Input(format!(
                "error: {}: no cluster named {name:?}\n  help: clusters: {}",
                self.scenario.display(),
                names.join(", ")
            )));
        }
        let (mut matching, mut others) = (Vec::new(), Vec::new());
        for (_, cluster) in clusters.iter().filter(|(_, cluster)| wanted(&cluster.name)) {
            for (id, description) in cluster.descriptions().iter() {
                let seen = cluster.seen(id);
                let explanation = expression.explain(&seen);
                match explanation.matches {
                    true => matching.push(format!("  {}", description.name)),
                    false => {
                        let blames = explanation.blames.iter().map(ToString::to_string);
                        let blames = blames.collect::<Vec<_>>().join("; ");
                        others.push(format!("  {}: {blames}", description.name));
                    }
                }
            }
        }
        let mut lines = vec![format!(
            "{} of {} instances match",
            matching.len(),
            matching.len() + others.len()
        )];
        lines.append(&mut matching);
        if !others.is_empty() {
            lines.push("the others do not:".to_owned());
            lines.append(&mut others);
        }
        print(&lines.join("\n"))
    }
}
