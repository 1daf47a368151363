//! Section 12.5: the life of a task; and when its resources are taken and given back.

use super::case::{Case, End, ROOMY};

/// The instance i1 with room for everything, and a small task.
fn small() -> Case {
    Case::new().roomy("i1", "").task(100, 100)
}

/// The same with this container.
fn container(fields: &str) -> Case {
    Case::new().roomy("i1", "").container(fields)
}

fn end(case: Case) -> End {
    End::of(case.plan())
}

const STOP_FIRST: &str = "stopTask: {workload: call-0}";

// Essential container exits 0: task STOPPED, EssentialContainerExited, "Essential container in task
// exited".
#[test]
fn ecs_g81() {
    let end = end(small().lasts("10s").run(1, ""));
    let task = end.task(1);
    assert_eq!(task.life(), "0 PENDING, 0 RUNNING, 10 STOPPED");
    assert_eq!(
        task.why,
        "EssentialContainerExited: Essential container in task exited"
    );
    assert_eq!(task.exit_code(), Some(0));
}

// Non-essential exits 1: RUNNING.
#[test]
fn ecs_g82() {
    let end = end(Case::new()
        .roomy("i1", "")
        .definition(
            "containerDefinitions: [{name: app, memory: 100}, {name: side, memory: 100, essential: false}]",
        )
        .beside("side: {duration: {distribution: constant, value: 10s}, exits: [{weight: 1, exitCode: 1}]}")
        .run(1, ""));
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING");
}

// StopTask, container ignores SIGTERM, stopTimeout 5: SIGKILL at +5 s.
#[test]
fn ecs_g84() {
    let end = end(container("memory: 100, stopTimeout: 5")
        .life("onSigterm: {ignores: true}")
        .run(1, "")
        .at("60s")
        .does(STOP_FIRST));
    let task = end.task(1);
    assert_eq!(task.life(), "0 PENDING, 0 RUNNING, 60 STOPPING, 65 STOPPED");
    assert_eq!(task.why, "UserInitiated: Task stopped by user");
    assert_eq!(task.exit_code(), Some(137));
}

/// A container that comes to use so much memory after ten seconds.
const GREEDY: &str = "memoryUse: {peak: {distribution: constant, value: 3000}, \
                      after: {distribution: constant, value: 10s}}";

// Container uses more than memory 300: exit 137, OutOfMemoryError; task stops if essential.
#[test]
fn ecs_g85() {
    let essential = end(container("memory: 300").life(GREEDY).run(1, ""));
    let task = essential.task(1);
    assert_eq!(task.life(), "0 PENDING, 0 RUNNING, 10 STOPPED");
    assert_eq!(
        task.why,
        "EssentialContainerExited: Essential container in task exited"
    );
    let exit = task.task.exit.expect("it was killed");
    let reason = exit.reason.expect("a reason") as usize;
    assert_eq!(
        (exit.code, &*essential.outcome.world.reasons[reason]),
        (
            137,
            "OutOfMemoryError: Container killed due to memory usage"
        )
    );

    let beside = Case::new().roomy("i1", "").definition(
        "containerDefinitions: [{name: app, memory: 100}, {name: side, memory: 300, essential: false}]",
    );
    let greedy = "side: {memoryUse: {peak: {distribution: constant, value: 3000}, \
                  after: {distribution: constant, value: 10s}}}";
    let beside = end(beside.beside(greedy).run(1, ""));
    assert_eq!(beside.task(1).life(), "0 PENDING, 0 RUNNING");
}

// memoryReservation only, uses 10x of it, host has room: not killed.
#[test]
fn ecs_g86() {
    let end = end(container("memoryReservation: 300").life(GREEDY).run(1, ""));
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING");
}

// Image pull fails: STOPPED without startedAt, TaskFailedToStart.
#[test]
fn ecs_g87() {
    let end = end(small()
        .life("imagePull: {distribution: constant, value: 5s}, imagePullFailure: {probability: 1}")
        .run(1, ""));
    let task = end.task(1);
    assert_eq!(task.life(), "0 PENDING, 5 STOPPED");
    assert_eq!(task.task.times.started, None);
    assert_eq!(task.why, "TaskFailedToStart: CannotPullContainerError");
    assert_eq!(end.remaining("i1"), (ROOMY, ROOMY));
}

// Container B dependsOn A SUCCESS, A exits 0 at 10 s: B starts at 10 s, not before.
#[test]
fn ecs_g89() {
    let case = Case::new().roomy("i1", "").definition(
        "containerDefinitions: [{name: A, memory: 100, essential: false}, \
             {name: app, memory: 100, dependsOn: [{containerName: A, condition: SUCCESS}]}]",
    );
    let succeeds = "A: {duration: {distribution: constant, value: 10s}}";
    let started = end(case.clone().beside(succeeds).run(1, ""));
    assert_eq!(started.task(1).life(), "0 PENDING, 10 RUNNING");
    // One that exits with another code stops the task.
    let failed = case.beside(
        "A: {duration: {distribution: constant, value: 10s}, exits: [{weight: 1, exitCode: 1}]}",
    );
    let failed = end(failed.run(1, ""));
    assert_eq!(failed.task(1).life(), "0 PENDING, 10 STOPPED");
    assert_eq!(
        failed.task(1).why,
        "TaskFailedToStart: Task failed to start"
    );
}

// All the times of section 6.3: the pull takes 3 s, SIGTERM is heeded after 5 s.
#[test]
fn times_of_a_task_that_is_stopped() {
    let end = end(small()
        .life(
            "imagePull: {distribution: constant, value: 3s}, \
             onSigterm: {duration: {distribution: constant, value: 5s}, exitCode: 7}",
        )
        .run(1, "")
        .at("60s")
        .does("stopTask: {workload: call-0, task: 1, reason: enough}"));
    let task = end.task(1);
    assert_eq!(task.life(), "0 PENDING, 3 RUNNING, 60 STOPPING, 65 STOPPED");
    let times = task.task.times;
    let secs = |time: Option<stowplan::time::SimTime>| time.map(|time| time.secs());
    assert_eq!(times.pull.map(|pull| pull.secs()), Some(3.0));
    assert_eq!(secs(times.started), Some(3.0));
    assert_eq!(secs(times.stopping), Some(60.0));
    assert_eq!(secs(times.released), Some(60.0));
    assert_eq!(secs(times.execution_stopped), Some(65.0));
    assert_eq!(secs(times.stopped), Some(65.0));
    assert_eq!(task.why, "UserInitiated: enough");
    assert_eq!(task.exit_code(), Some(7));
}

/// An instance of 1000 MiB with a task of 600, which is told to stop after 60 s and takes 20 s.
fn stopping() -> Case {
    Case::new()
        .instance("i1", ROOMY, 1000)
        .task(0, 600)
        .life("onSigterm: {duration: {distribution: constant, value: 20s}}")
        .run(1, "")
        .at("60s")
        .does(STOP_FIRST)
}

// Task RUNNING told to stop, new task needs its memory, one instance. Choice [U-16]: RunTask accepts
// at once; new task PENDING until old STOPPED.
#[test]
fn ecs_c6() {
    let end = stopping().run(1, "").gives("i1", &[]);
    assert_eq!(
        end.task(1).life(),
        "0 PENDING, 0 RUNNING, 60 STOPPING, 80 STOPPED"
    );
    assert_eq!(end.task(2).life(), "60 PENDING, 80 RUNNING");
}

// Same with resource_release on_stopped: RESOURCE:MEMORY until STOPPED.
#[test]
fn ecs_c7() {
    let case = stopping().assuming("resourceRelease: on-stopped");
    case.clone().run(1, "").gives("", &["RESOURCE:MEMORY"]);
    let late = case.clone().at("79s").run(1, "");
    late.gives("", &["RESOURCE:MEMORY"]);
    let end = case.at("80s").run(1, "").gives("i1", &[]);
    assert_eq!(end.task(2).life(), "80 PENDING, 80 RUNNING");
}

// The agent's queue (section 2.3): the head does not fit, and everything behind it waits, even a
// task for which there is room.
#[test]
fn a_task_that_waits_for_the_agent_blocks_those_behind_it() {
    let end = stopping()
        .run(1, "")
        .at("61s")
        .other_task("small", 0, 100)
        .run(1, "")
        .gives("i1", &[]);
    assert_eq!(end.task(2).life(), "60 PENDING, 80 RUNNING");
    assert_eq!(end.task(3).life(), "61 PENDING, 80 RUNNING");
}

// A waiting task that is told to stop leaves the queue and goes to STOPPED without ever being
// debited; what stood behind it begins.
#[test]
fn a_task_that_waits_for_the_agent_is_told_to_stop() {
    let end = stopping()
        .run(1, "")
        .at("70s")
        .does("stopTask: {workload: call-1}")
        .at("61s")
        .other_task("small", 0, 100)
        .run(1, "")
        .gives("i1", &[]);
    assert_eq!(end.task(2).life(), "60 PENDING, 70 STOPPED");
    assert_eq!(end.task(2).task.times.begun, None);
    assert_eq!(end.task(3).life(), "61 PENDING, 70 RUNNING");
}

// ENI at STOPPED [U-17]: the interface of a stopping task is not free, although its memory is.
#[test]
fn a_stopping_task_keeps_its_interface() {
    let network = super::case::network("subnet-a");
    let case = Case::new()
        .instance_with(
            "name: i1, availabilityZones: [a], registeredResources: {CPU: 1000, MEMORY: 1000, ENI: 1}",
        )
        .small_task("networkMode: awsvpc")
        .life("onSigterm: {duration: {distribution: constant, value: 20s}}")
        .run(1, &network)
        .at("60s")
        .does(STOP_FIRST);
    let early = case.clone().at("70s").run(1, &network);
    early.gives("", &["RESOURCE:ENI"]);
    case.at("80s").run(1, &network).gives("i1", &[]);
}

/// One GPU of 16 GiB, and a container that shares it.
fn shared_gpu() -> Case {
    Case::new()
        .instance_with("name: i1, instanceType: g4dn.xlarge")
        .container(
            "memory: 100, resourceRequirements: [{type: GPU, sharingStrategy: \
             {nvidiaMps: {memory: 6000, maxComputePercent: 50}}}]",
        )
}

const WHOLE_GPU: &str = "overrides: {containerOverrides: [{name: app, resourceRequirements: [{type: GPU, value: '1'}]}]}";

// Shared GPUs (section 2.5): memory comes from one GPU; two tasks of 6000 MiB share one of 16 GiB,
// a third does not fit.
#[test]
fn tasks_share_a_gpu() {
    let end = shared_gpu().run(3, "").gives("i1 i1", &["RESOURCE:GPU"]);
    assert_eq!(end.last().gpus, [1, 1]);
}

// Device modes: a shared GPU is nobody's whole one, until it is empty and IDLE again.
#[test]
fn a_shared_gpu_is_whole_again_when_it_is_empty() {
    let case = shared_gpu().lasts("10s").run(1, "");
    let during = case.clone().at("5s").run(1, WHOLE_GPU);
    during.gives("", &["RESOURCE:GPU"]);
    let after = case.at("10s").run(1, WHOLE_GPU);
    after.gives("i1", &[]);
    // And a whole one is not shared.
    let whole = shared_gpu().run(1, WHOLE_GPU).run(1, "");
    whole.gives("", &["RESOURCE:GPU"]);
}

// GPU memory stands in the agent's ledger too: 6000 of 16 384 MiB are left beside a stopping task
// of 10 000, so the first newcomer begins and the second waits.
#[test]
fn a_newcomer_waits_for_shared_gpu_memory() {
    let big = "overrides: {containerOverrides: [{name: app, resourceRequirements: [{type: GPU, \
               sharingStrategy: {nvidiaMps: {memory: 10000, maxComputePercent: 50}}}]}]}";
    let end = shared_gpu()
        .life("onSigterm: {duration: {distribution: constant, value: 20s}}")
        .run(1, big)
        .at("60s")
        .does(STOP_FIRST)
        .run(2, "")
        .gives("i1 i1", &[]);
    assert_eq!(end.task(2).life(), "60 PENDING, 60 RUNNING");
    assert_eq!(end.task(3).life(), "60 PENDING, 80 RUNNING");
}
