//! Capabilities of an agent that a task definition implies.

use super::container::ContainerDefinition;
use super::task_definition::{NetworkMode, TaskDefinition};

/// CPU units beyond which a task size needs a capability of its own: 10 vCPUs.
const USUAL_TASK_CPU: u32 = 10 * 1024;

impl TaskDefinition {
    /// Names of the capabilities that an instance must advertise to run the task, each once.
    ///
    /// Source: capability list of the Amazon ECS agent; ECS API reference, TaskDefinition,
    /// `requiresAttributes`.
    pub fn capabilities(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut add = |needed: bool, name: &str| {
            if needed && found.iter().all(|known| known != name) {
                found.push(name.to_owned());
            }
        };
        let containers = &self.container_definitions;
        let any = |test: fn(&ContainerDefinition) -> bool| containers.iter().any(test);
        let mode = self.network_mode();
        add(mode == NetworkMode::Awsvpc, "ecs.capability.task-eni");
        add(
            self.cpu.is_some() || self.memory.is_some(),
            "ecs.capability.task-cpu-mem-limit",
        );
        let large = self
            .cpu
            .as_ref()
            .is_some_and(|cpu| cpu.units() > USUAL_TASK_CPU);
        add(large, "ecs.capability.increased-task-cpu-limit");
        add(
            self.task_role_arn.is_some(),
            match mode {
                NetworkMode::Host => "com.amazonaws.ecs.capability.task-iam-role-network-host",
                _ => "com.amazonaws.ecs.capability.task-iam-role",
            },
        );
        for driver in containers
            .iter()
            .filter_map(ContainerDefinition::log_driver)
        {
            let name = format!("com.amazonaws.ecs.capability.logging-driver.{driver}");
            add(true, &name);
        }
        add(
            any(ContainerDefinition::is_from_ecr),
            "com.amazonaws.ecs.capability.ecr-auth",
        );
        add(
            any(ContainerDefinition::is_privileged),
            "com.amazonaws.ecs.capability.privileged-container",
        );
        add(
            any(|it| it.health_check.is_some()),
            "ecs.capability.container-health-check",
        );
        add(
            any(|it| it.depends_on.as_ref().is_some_and(|list| !list.is_empty())),
            "ecs.capability.container-ordering",
        );
        add(
            any(ContainerDefinition::maps_a_range),
            "ecs.capability.network.container-port-range",
        );
        add(
            any(|it| {
                it.restart_policy
                    .as_ref()
                    .is_some_and(|policy| policy.enabled)
            }),
            "ecs.capability.container-restart-policy",
        );
        found
    }
}

impl ContainerDefinition {
    fn log_driver(&self) -> Option<&str> {
        self.log_configuration.as_ref()?.get("logDriver")?.as_str()
    }

    fn is_privileged(&self) -> bool {
        self.privileged == Some(true)
    }

    /// Whether its image is in a registry of Amazon ECR: `<account>.dkr.ecr.<region>.amazonaws.com`.
    fn is_from_ecr(&self) -> bool {
        let image = self.image.as_deref().unwrap_or_default();
        let registry = image.split('/').next().unwrap_or_default();
        registry.contains(".dkr.ecr.")
    }

    fn maps_a_range(&self) -> bool {
        let mut mappings = self.port_mappings.iter().flatten();
        mappings.any(|mapping| mapping.container_port_range.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_has_its_capability() {
        let check = |json: &str, expected: &[&str]| {
            let definition: TaskDefinition = serde_json::from_str(json).expect(json);
            assert_eq!(definition.capabilities(), expected, "{json}");
        };
        check(
            r#"{"family": "f", "containerDefinitions": [{"name": "a", "memory": 9}]}"#,
            &[],
        );
        check(
            r#"{"family": "f", "networkMode": "awsvpc", "cpu": "16 vCPU", "memory": "32GB", "taskRoleArn": "r",
                "containerDefinitions": [{"name": "a"}]}"#,
            &[
                "ecs.capability.task-eni",
                "ecs.capability.task-cpu-mem-limit",
                "ecs.capability.increased-task-cpu-limit",
                "com.amazonaws.ecs.capability.task-iam-role",
            ],
        );
        check(
            r#"{"family": "f", "networkMode": "host", "taskRoleArn": "r", "containerDefinitions": [
                {"name": "a", "memory": 9, "privileged": true, "image": "1.dkr.ecr.us-east-1.amazonaws.com/a:1",
                 "logConfiguration": {"logDriver": "awslogs"},
                 "dependsOn": [{"containerName": "b", "condition": "HEALTHY"}]},
                {"name": "b", "memory": 9, "logConfiguration": {"logDriver": "awslogs"},
                 "healthCheck": {"command": ["CMD", "true"]},
                 "restartPolicy": {"enabled": true},
                 "portMappings": [{"containerPortRange": "80-90"}]}]}"#,
            &[
                "com.amazonaws.ecs.capability.task-iam-role-network-host",
                "com.amazonaws.ecs.capability.logging-driver.awslogs",
                "com.amazonaws.ecs.capability.ecr-auth",
                "com.amazonaws.ecs.capability.privileged-container",
                "ecs.capability.container-health-check",
                "ecs.capability.container-ordering",
                "ecs.capability.network.container-port-range",
                "ecs.capability.container-restart-policy",
            ],
        );
    }
}
