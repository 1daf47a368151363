//! Jobs of a trace: what a row says, and of the rest what its workload says.

use std::collections::HashMap;
use std::sync::Arc;

use super::Resolver;
use super::batch::{KnownBatch, sum};
use super::workloads::trace_problem;
use crate::batch::allocation::Need;
use crate::batch::{Dependency, JobKind, Nodes};
use crate::model::arena::{JobKindId, WorkloadId};
use crate::workload::Submission;
use crate::workload::trace::{self, JobRow, RowJob};

impl Resolver<'_> {
    /// The submissions of a trace of jobs.
    pub(super) fn job_trace(
        &mut self,
        path: &str,
        name: &str,
        kind: Option<JobKindId>,
        workload: WorkloadId,
        batch: &mut KnownBatch,
    ) -> Option<Arc<[Submission]>> {
        let rows = self.rows(path, name, trace::read_jobs)?;
        let kind = kind?;
        let mut kinds: HashMap<RowJob, JobKindId> = HashMap::new();
        let mut submissions = Vec::with_capacity(rows.len());
        let mut without_timeout = Vec::new();
        for JobRow {
            line,
            at,
            duration,
            exit_code,
            job,
        } in rows
        {
            let known = kinds.get(&job).copied();
            let made = known.unwrap_or_else(|| {
                let made = self.row_job(kind, workload, &job, batch);
                kinds.insert(job, made);
                made
            });
            if self.lacks_timeout(made).is_some() {
                without_timeout.push(line);
            }
            submissions.push(Submission {
                job: Some(made),
                duration,
                exit_code,
                ..Submission::plain(at)
            });
        }
        self.refuse_rows_without_timeout(name, &without_timeout);
        Some(submissions.into())
    }

    /// Rows of jobs that are submitted to a queue with x-easy, and may run for ever.
    fn refuse_rows_without_timeout(&mut self, name: &str, lines: &[u64]) {
        let Some((first, others)) = lines.split_first() else {
            return;
        };
        let others = match others.len() {
            0 => String::new(),
            1 => ", nor has one other row".to_owned(),
            others => format!(", nor have {others} other rows"),
        };
        let file = self.folder.join(name).display().to_string();
        let message = format!("timeout: the job has none{others}; its queue is under x-easy");
        let problem = trace_problem(&file, Some(*first), message);
        self.problems
            .push(problem.help("give the trace a column timeout, or the job definition a timeout"));
    }

    /// The kind of job of a row of a trace: that of its workload, as far as the row is silent.
    fn row_job(
        &mut self,
        kind: JobKindId,
        workload: WorkloadId,
        row: &RowJob,
        known: &mut KnownBatch,
    ) -> JobKindId {
        self.job_facts.push(Arc::clone(&self.job_facts[kind]));
        let base = kind;
        let mut kind = self.world.batch.kinds[base].clone();
        if let Some(name) = &row.name {
            kind.name.clone_from(name);
        }
        let asked = |need: Need| Need {
            cpu: row.vcpus.map_or(need.cpu, |it| it.saturating_mul(1024)),
            memory: row.memory.unwrap_or(need.memory),
            gpus: row.gpus.unwrap_or(need.gpus),
        };
        match needs_of_nodes(&kind, row) {
            None => {
                kind.need = asked(kind.need);
                kind.templates = self.job_templates(kind.queue, kind.need, known);
            }
            Some(needs) => {
                let needs = needs.into_iter().map(asked).collect();
                self.spread(&mut kind, base, needs, known);
            }
        }
        let has_nodes = kind.nodes.is_some();
        kind.shape = known.shape(kind.queue, kind.need, has_nodes, &kind.consumables);
        if row.share.is_some() {
            kind.share.clone_from(&row.share);
        }
        kind.timeout = row.timeout.or(kind.timeout);
        let on = row.depends_on.iter();
        kind.depends_on
            .extend(on.map(|number| Dependency::Numbered(workload, *number)));
        self.world.batch.kinds.push(kind)
    }

    /// Makes a job one of several nodes, each of which asks for so much.
    fn spread(
        &mut self,
        kind: &mut JobKind,
        base: JobKindId,
        needs: Vec<Need>,
        known: &mut KnownBatch,
    ) {
        let templates: Vec<_> = needs
            .iter()
            .map(|need| self.job_templates(kind.queue, *need, known))
            .collect();
        if kind.nodes.is_none() {
            let made = known.node_behaviours.get(&base).cloned();
            // The second entry goes for all nodes that follow.
            let made = made.unwrap_or_else(|| self.node_behaviours(kind.behaviours.clone(), 0, 2));
            known.node_behaviours.insert(base, made.clone());
            kind.behaviours = made;
        }
        let before = kind.nodes.take();
        let last = needs.len().saturating_sub(1) as u32;
        let main = before.as_ref().map_or(0, |nodes| nodes.main.min(last));
        kind.need = sum(&needs);
        kind.templates.clone_from(&templates[main as usize]);
        kind.nodes = Some(Nodes {
            main,
            largest: Need::largest(needs.iter().copied()),
            needs,
            instance_type: before.and_then(|nodes| nodes.instance_type),
            templates,
        });
    }
}

/// What each node of a row's job would ask for by its workload; none of a job of one node.
fn needs_of_nodes(kind: &JobKind, row: &RowJob) -> Option<Vec<Need>> {
    let count = |rows: u32| rows.max(1) as usize;
    match (&kind.nodes, row.nodes) {
        (None, None | Some(0 | 1)) => None,
        (None, Some(nodes)) => Some(vec![kind.need; count(nodes)]),
        (Some(of_kind), None) => Some(of_kind.needs.clone()),
        (Some(of_kind), Some(nodes)) => {
            let need = |node: usize| of_kind.needs[node.min(of_kind.needs.len() - 1)];
            Some((0..count(nodes)).map(need).collect())
        }
    }
}
