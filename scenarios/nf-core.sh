#!/bin/sh
# Question: how well does a simulation tell how long jobs of real pipelines waited on AWS Batch, on how many
# instances, at what cost?
#
# Setting: three runs of nf-core pipelines on Spot Instances, each job at its recorded submission and with its
# recorded run time. How long an instance takes to boot is fitted on rnaseq, in whole minutes, so that the mean
# wait is nearest to the recorded one; the other two runs take it as it is.
#
# Look for: the last table, below what was recorded. What it says: results/nf-core.md.
#
# Needs stowplan and jq, and the data set aws-batch-nfcore-2025 in ../shared/data or $STOWPLAN_DATA.
set -eu
data=${STOWPLAN_DATA:-$(dirname "$0")/../../shared/data}
jobs=$data/aws-batch-nfcore-2025/aws_batch_tasks.csv
out=${1:-nf-core}
mkdir -p "$out"

import() {
    stowplan import nfcore --jobs "$jobs" --run "$2" --out "$out/$1" | sed -n "s/^- \(recorded\|billed\)/$1: \1/p"
}

# Runs with a boot time in seconds; gives its figures.
replay() {
    sed "s/bootTime: 180s/bootTime: ${2}s/" "$out/$1.yaml" > "$out/$1-$2.yaml"
    stowplan run "$out/$1-$2.yaml" --out "$out/$1-$2" > /dev/null
    jq -r --arg run "$1" --arg boot "$2" '.results | .clusters[0] as $cluster | .jobs.wait as $wait
        | [$run, $boot, ($wait.mean * 10 | round / 10), $wait.p50, $wait.p99, $wait.max,
           $cluster.resources[0].peak / 1024, $cluster.instancesUsed.peak, $cluster.instances,
           (.cost.usd * 100 | round / 100)] | @tsv' "$out/$1-$2/summary.json"
}

import rnaseq 5yJURpCMUNmfri
import sarek 3dLeF2W4ju5og4
import methylseq 50CueCkLKqyOeH
printf '\nrun\tboot, s\twait mean, s\tp50\tp99\tmost\tvCPUs at most\tinstances used at most\tlaunched\tUSD\n'
for boot in 60 120 180 240 300 360 420 480; do replay rnaseq $boot; done
printf '\n'
for run in sarek methylseq; do replay "$run" 360; done
