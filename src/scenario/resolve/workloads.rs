//! Callers: their arrivals, the containers of their tasks, what they do after a refusal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use super::batch::KnownBatch;
use super::{Resolver, Site};
use crate::api::batch::SubmitJob;
use crate::api::{ApiError, RunTask};
use crate::model::arena::{Arena, Id, TemplateId, WorkloadId};
use crate::scenario::file;
use crate::scenario::problem::{Problem, quoted};
use crate::time::SimDuration;
use crate::workload::trace::RowRequest;
use crate::workload::{Arrivals, Call, Container, OnFailure, Submission, Workload, arrival, trace};

impl<'a> Resolver<'a> {
    pub(super) fn workloads(&mut self, batch: &mut KnownBatch) -> Arena<WorkloadId, Workload> {
        let (mut workloads, mut names) = (Arena::new(), HashSet::new());
        for (index, written) in self.scenario.workloads.iter().enumerate() {
            let path = format!("workloads[{index}]");
            if !names.insert(&written.name) {
                let message = format!("a second workload named {}", quoted(&written.name));
                self.problem(&format!("{path}.name"), message);
            }
            let workload = match &written.submit_job {
                Some(submit) => self.submitter(&path, index, written, submit, batch),
                None => self.workload(&path, written),
            };
            if let Some(workload) = workload {
                workloads.push(workload);
            }
        }
        self.check_tokens();
        workloads
    }

    /// A workload, each part of which is checked whatever is wrong with the others.
    fn workload(&mut self, path: &str, written: &file::Workload) -> Option<Workload> {
        let before = self.problems.len();
        let on_failure = self.on_failure(path, written.on_failure.as_ref());
        let (call, site) = match (&written.run_task, &written.start_task) {
            (Some(run), None) => self.run_task(path, run),
            (None, Some(start)) => self.start_task(path, start),
            (None, None) => {
                self.problem(path, "none of runTask, startTask and submitJob is given")
                    .help = Some("write runTask: {taskDefinition: …}".to_owned());
                (None, None)
            }
            (Some(_), Some(_)) => {
                self.problem(path, "both runTask and startTask are given")
                    .help = Some("make two workloads of it".to_owned());
                (None, None)
            }
        };
        let arrivals = self.arrivals(path, written, call.as_ref().and(site.as_ref()));
        let containers = self.containers(path, written, site.as_ref(), arrivals.as_ref());
        let workload = Workload {
            name: written.name.clone(),
            call: call?,
            arrivals: arrivals?,
            behaviour: self.world.behaviours.push(containers),
            on_failure,
        };
        (self.problems.len() == before).then_some(workload)
    }

    /// A workload that submits jobs to AWS Batch.
    fn submitter(
        &mut self,
        path: &str,
        index: usize,
        written: &file::Workload,
        submit: &SubmitJob,
        batch: &mut KnownBatch,
    ) -> Option<Workload> {
        let before = self.problems.len();
        for (key, given) in [
            ("runTask", written.run_task.is_some()),
            ("startTask", written.start_task.is_some()),
            ("containers", !written.containers.is_empty()),
            ("onFailure", written.on_failure.is_some()),
        ] {
            if given {
                let message = format!("{key} does not go with submitJob");
                self.problem(&format!("{path}.{key}"), message).help =
                    Some("leave it out, or make two workloads of it".to_owned());
            }
        }
        let trace = matches!(written.arrivals, arrival::Arrivals::Trace { .. });
        let behaviours = self.job_behaviours(path, written, trace);
        let kind = self.submit_job(path, submit, behaviours, batch);
        let id = WorkloadId::from_index(index);
        let arrivals = match &written.arrivals {
            arrival::Arrivals::Trace { file } => {
                let place = format!("{path}.arrivals");
                self.job_trace(&place, file, kind, id, batch)
                    .map(Arrivals::Trace)
            }
            _ => {
                if let Some(queue) = kind.and_then(|kind| self.lacks_timeout(kind)) {
                    let name = &self.world.batch.queues[queue].name;
                    let message = format!("the job has no timeout, which x-easy of {name} goes by");
                    self.problem(&format!("{path}.submitJob"), message).help = Some(
                        "write timeout: {attemptDurationSeconds: …}, as long as it may run"
                            .to_owned(),
                    );
                }
                self.arrivals(path, written, None)
            }
        };
        let workload = Workload {
            name: written.name.clone(),
            call: Call::SubmitJob(kind?),
            arrivals: arrivals?,
            behaviour: self.world.behaviours.push(Vec::new()),
            on_failure: OnFailure::GiveUp,
        };
        (self.problems.len() == before).then_some(workload)
    }

    /// The containers of a service's tasks. They need no duration, as under a trace without rows.
    pub(super) fn service_containers(
        &mut self,
        path: &str,
        written: &BTreeMap<String, file::Container>,
        site: Option<&Site<'a>>,
    ) -> Vec<Container> {
        let caller = file::Workload {
            name: String::new(),
            run_task: None,
            start_task: None,
            submit_job: None,
            container: None,
            attempts: Vec::new(),
            children: Vec::new(),
            nodes: Vec::new(),
            arrivals: arrival::Arrivals::Trace {
                file: String::new(),
            },
            containers: written.clone(),
            on_failure: None,
        };
        let none = Arrivals::Trace(Arc::new([]));
        self.containers(path, &caller, site, Some(&none))
    }

    fn on_failure(&mut self, path: &str, written: Option<&file::OnFailure>) -> OnFailure {
        match written {
            None | Some(file::OnFailure::GiveUp) => OnFailure::GiveUp,
            Some(file::OnFailure::Queue(file::Discipline::Fcfs)) => OnFailure::Queue,
            Some(file::OnFailure::Retry(retry)) => {
                if retry.first.span() == SimDuration::ZERO {
                    self.problem(
                        &format!("{path}.onFailure.retry.first"),
                        "0s is not above 0s",
                    );
                }
                let at_most = retry.at_most.unwrap_or(crate::units::Duration::LONGEST);
                if at_most < retry.first {
                    let message = format!("{at_most} is below the first delay of {}", retry.first);
                    self.problem(&format!("{path}.onFailure.retry.atMost"), message);
                }
                OnFailure::Retry {
                    first: retry.first.span(),
                    factor: retry.factor.unwrap_or(1.0),
                    at_most: at_most.span(),
                    give_up_after: retry.give_up_after.map(crate::units::Duration::span),
                }
            }
        }
    }

    fn arrivals(
        &mut self,
        path: &str,
        written: &file::Workload,
        site: Option<&Site<'a>>,
    ) -> Option<Arrivals> {
        let path = format!("{path}.arrivals");
        if written.arrivals.is_endless() && self.scenario.horizon.is_none() {
            self.problem(&path, "arrivals never end, and the scenario has no horizon")
                .help = Some(
                "give horizon: 24h to the scenario, or until or count to the arrivals".to_owned(),
            );
        }
        if let arrival::Arrivals::Trace { file } = &written.arrivals {
            if written.start_task.is_some() {
                self.problem(&path, "a trace goes with runTask only");
                return None;
            }
            let rows = self.trace(&path, file, written.run_task.as_ref().zip(site));
            return rows.map(Arrivals::Trace);
        }
        match written.arrivals.process(self.scenario.start_date) {
            Ok(process) => Some(Arrivals::Process(process)),
            Err(faults) => {
                self.faults(&path, faults);
                None
            }
        }
    }

    /// The submissions of a trace; only the file is looked at when there is no sound request to make.
    fn trace(
        &mut self,
        path: &str,
        name: &str,
        request: Option<(&RunTask, &Site<'a>)>,
    ) -> Option<Arc<[Submission]>> {
        let rows = self.rows(path, name, trace::read)?;
        let file = self.folder.join(name).display().to_string();
        let in_trace = |line: Option<u64>, message: String| trace_problem(&file, line, message);
        let (run, site) = request?;
        let mut templates: HashMap<&RowRequest, Option<TemplateId>> = HashMap::new();
        let mut submissions = Vec::with_capacity(rows.len());
        for row in &rows {
            let known = templates.get(&row.request).copied();
            let template = known.unwrap_or_else(|| {
                let made = self.row_template(site, run, &row.request);
                let made = made
                    .map_err(|message| self.problems.push(in_trace(Some(row.line), message)))
                    .ok()
                    .flatten();
                templates.insert(&row.request, made);
                made
            });
            submissions.push(Submission {
                at: row.at,
                template,
                job: None,
                count: row.count,
                duration: row.duration,
                exit_code: row.exit_code,
            });
        }
        let differ = |one: &Submission, other: &Submission| {
            (one.template, one.count) != (other.template, other.count)
        };
        if run.client_token.is_some() && submissions.iter().any(|row| differ(row, &submissions[0]))
        {
            self.api_problem(&site.path, ApiError::client_token_reused());
        }
        Some(submissions.into())
    }

    /// The rows of a trace.
    pub(super) fn rows<T>(&mut self, path: &str, name: &str, read: RowReader<T>) -> Option<Vec<T>> {
        let place = format!("{path}.file");
        let source = self.open(name).map_err(|message| {
            self.problem(&place, message);
        });
        let file = self.folder.join(name).display().to_string();
        let found = read(source.ok()?).map_err(|faults| {
            for fault in faults {
                let mut problem = trace_problem(&file, fault.line, fault.message);
                problem.help = fault.help;
                self.problems.push(problem);
            }
        });
        found.ok()
    }

    /// The template of a row; none when its task definition is broken.
    fn row_template(
        &mut self,
        site: &Site<'a>,
        run: &RunTask,
        row: &RowRequest,
    ) -> Result<Option<TemplateId>, String> {
        let named = row.task_definition.as_ref().map(|name| {
            self.definition(name).ok_or_else(|| {
                let error = ApiError::task_definition_not_found();
                format!("taskDefinition: {error} (no task definition named {name:?})")
            })
        });
        let named = named.transpose()?;
        if named
            .as_ref()
            .is_some_and(|(index, _)| self.broken.contains(index))
        {
            // What is wrong with the definition has been told.
            return Ok(None);
        }
        let other = named.map(|(index, definition_name)| Site {
            path: site.path.clone(),
            cluster: site.cluster,
            definition: &self.scenario.task_definitions[index],
            definition_name,
        });
        self.run_template(other.as_ref().unwrap_or(site), run, row)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    pub(super) fn faults(&mut self, path: &str, faults: Vec<(String, String)>) {
        for (place, message) in faults {
            let dot = if place.is_empty() || place.starts_with('[') {
                ""
            } else {
                "."
            };
            self.problem(&format!("{path}{dot}{place}"), message);
        }
    }
}

/// What reads the rows of a trace.
pub(super) type RowReader<T> = fn(Box<dyn Read>) -> Result<Vec<T>, Vec<trace::Fault>>;

/// A problem with a line of a trace.
pub(super) fn trace_problem(file: &str, line: Option<u64>, message: String) -> Problem {
    let mut problem = Problem::in_file(file.to_owned(), message);
    problem.line = line.and_then(|line| u32::try_from(line).ok());
    problem
}
