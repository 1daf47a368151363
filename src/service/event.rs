//! What a service reports: the messages of its event list.
//!
//! Source: ECS developer guide, "Amazon ECS service event messages".

/// Something a service reports, once for each change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// As many tasks run as desired, all healthy, none of an older deployment.
    SteadyState,
    /// No instance takes the task.
    NoRoom {
        /// The id of the instance that came closest [U-40].
        closest: String,
        /// Why that one does not take it, in the words of a RunTask failure: `RESOURCE:CPU`.
        reason: String,
    },
    /// There is no container instance in the cluster at all.
    NoInstances,
    /// There is no container instance in the service's capacity provider.
    NoProviderInstances,
}

impl ServiceEvent {
    /// The message of the service named `service`.
    pub fn message(&self, service: &str) -> String {
        let unable = format!(
            "(service {service}) was unable to place a task because no container instance met all \
             of its requirements."
        );
        match self {
            ServiceEvent::SteadyState => format!("(service {service}) has reached a steady state."),
            ServiceEvent::NoRoom { closest, reason } => format!(
                "{unable} The closest matching (container-instance {closest}) {}.",
                shortcoming(reason)
            ),
            ServiceEvent::NoInstances => {
                format!("{unable} Reason: No Container Instances were found in your cluster.")
            }
            ServiceEvent::NoProviderInstances => format!(
                "{unable} Reason: No Container Instances were found in your capacity provider."
            ),
        }
    }
}

/// What an instance lacks, as the event list words it.
fn shortcoming(reason: &str) -> String {
    let words = match reason {
        "RESOURCE:CPU" => "has insufficient CPU units available",
        "RESOURCE:MEMORY" => "has insufficient memory available",
        "RESOURCE:PORTS" => "is already using a port required by your task",
        "ATTRIBUTE" => "is missing an attribute required by your task",
        other => return format!("encountered error \"{other}\""),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_room(reason: &str) -> ServiceEvent {
        ServiceEvent::NoRoom {
            closest: "i-1".to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn messages() {
        let check = |event: ServiceEvent, text: &str| assert_eq!(event.message("web"), text);
        check(
            ServiceEvent::SteadyState,
            "(service web) has reached a steady state.",
        );
        let unable = "(service web) was unable to place a task because no container instance met \
                      all of its requirements.";
        for (reason, words) in [
            ("RESOURCE:CPU", "has insufficient CPU units available"),
            ("RESOURCE:MEMORY", "has insufficient memory available"),
            (
                "RESOURCE:PORTS",
                "is already using a port required by your task",
            ),
            ("ATTRIBUTE", "is missing an attribute required by your task"),
            ("AGENT", "encountered error \"AGENT\""),
        ] {
            let text = format!("{unable} The closest matching (container-instance i-1) {words}.");
            check(no_room(reason), &text);
        }
        check(
            ServiceEvent::NoInstances,
            &format!("{unable} Reason: No Container Instances were found in your cluster."),
        );
        check(
            ServiceEvent::NoProviderInstances,
            &format!(
                "{unable} Reason: No Container Instances were found in your capacity provider."
            ),
        );
    }
}
