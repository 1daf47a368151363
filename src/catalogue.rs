//! The EC2 instance types a scenario may name: their size, GPUs, network interfaces and price.
//!
//! [`Catalogue::embedded`] knows some 180 types; [`Catalogue::extend`] reads a user's own file in
//! the same form, which corrects known types or adds new ones:
//!
//! ```text
//! instanceType,vcpus,memoryMib,onDemandUsdPerHour
//! m5.large,,,0.112
//! rack.big,128,1048576,4.5
//! ```
//!
//! The facts and their sources stand at the head of `catalogue/instance-types.csv`.

mod file;

use file::Row;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

/// The AWS Region of the embedded prices.
pub const REGION: &str = "us-east-1";

/// The day of the embedded prices; a type whose price is older says so in
/// [`InstanceType::price_date`].
pub const PRICE_DATE: &str = "2026-07-20";

const EMBEDDED: &str = include_str!("catalogue/instance-types.csv");

/// ENIs for tasks of a type that does not say: every EC2 type has at least two interfaces, and the
/// instance keeps the primary one.
const TASK_ENIS_AT_LEAST: u32 = 1;

/// An EC2 instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name, such as `m5.large`.
    pub name: String,
    /// Virtual CPUs, at least 1; the ECS agent registers 1024 CPU units for each.
    pub vcpus: u32,
    /// Nominal memory in MiB, as EC2 states it.
    pub memory_mib: u32,
    /// Memory in MiB that the ECS agent registers on Linux, at most the nominal memory: the value
    /// that AWS documents, where it does, and otherwise [`derived_registered_memory_mib`].
    pub registered_memory_mib: u32,
    /// Whole GPUs.
    pub gpus: u32,
    /// Maker and name of the GPUs; absent without GPUs, or when it is not known.
    pub gpu_model: Option<String>,
    /// Memory of one GPU in MiB; absent without GPUs, or when it is not known.
    pub gpu_memory_mib: Option<u32>,
    /// Architecture of the CPUs.
    pub architecture: Architecture,
    /// Tasks in `awsvpc` network mode that fit without ENI trunking.
    pub task_enis: u32,
    /// Tasks in `awsvpc` network mode that fit with ENI trunking; absent when trunking is not
    /// possible or its limit is not known. Source: Amazon ECS Developer Guide, "Elastic network
    /// interface trunking".
    pub task_enis_with_trunking: Option<u32>,
    /// On-Demand price, Linux; absent when it is not known.
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    /// When the price was valid, as written in the file (`2026-07-20`); absent when it does not say.
    pub price_date: Option<String>,
}

/// Architecture of a CPU, as in the ECS attribute `ecs.cpu-architecture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 64-bit x86, Intel or AMD.
    X86_64,
    /// 64-bit Arm, such as Graviton.
    Arm64,
}

/// A price in US dollars an hour, kept as whole micro-dollars so that costs add up exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsdPerHour(u64);

/// Something wrong with a catalogue file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line it is on, counted from 1; absent when the file could not be read.
    pub line: Option<u64>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Instance types by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    types: BTreeMap<String, InstanceType>,
}

impl Catalogue {
    /// The catalogue that comes with the simulator.
    pub fn embedded() -> Self {
        let mut catalogue = Catalogue::default();
        catalogue
            .extend(EMBEDDED.as_bytes())
            .expect("the embedded catalogue is well formed");
        catalogue
    }

    /// The type called `name`, exactly.
    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.get(name)
    }

    /// Every name, in the order of its bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// Adds the types of a CSV file, and corrects the known ones.
    ///
    /// A row with a known name replaces the fields that are filled in. Three of them take others
    /// along: a new `memoryMib` derives the registered memory anew, no GPUs have no model and no
    /// memory, and a new price has no date, unless the row says. A row with a new name needs
    /// `vcpus` and `memoryMib`; for the rest it is x86_64 without GPUs, trunking and price, with
    /// one ENI for tasks.
    ///
    /// # Errors
    /// All problems of the file, in the order of its lines; the catalogue is then unchanged.
    pub fn extend(&mut self, mut source: impl Read) -> Result<(), Vec<Problem>> {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).map_err(|error| {
            vec![Problem {
                line: None,
                message: format!("the file cannot be read: {error}"),
            }]
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let lines_before = bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&byte| byte == b'\n');
            vec![Problem::at(
                lines_before.count() as u64 + 1,
                "this is not UTF-8 text",
            )]
        })?;
        let (rows, mut problems) = file::read(text);
        let mut types = Vec::new();
        for row in rows {
            let line = row.line;
            match merge(self.get(&row.name), row) {
                Ok(merged) => types.push(merged),
                Err(message) => problems.push(Problem::at(line, message)),
            }
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.line);
            return Err(problems);
        }
        self.types.extend(
            types
                .into_iter()
                .map(|merged| (merged.name.clone(), merged)),
        );
        Ok(())
    }
}

/// The type that `row` describes, given what is `known` under its name.
fn merge(known: Option<&InstanceType>, row: Row) -> Result<InstanceType, String> {
    let mut merged = match (known, row.vcpus, row.memory_mib) {
        (Some(known), ..) => known.clone(),
        (None, Some(vcpus), Some(memory_mib)) => bare(row.name, vcpus, memory_mib),
        (None, ..) => {
            let name = row.name;
            return Err(format!(
                "{name:?} is a new type: it needs vcpus and memoryMib"
            ));
        }
    };
    if let Some(memory_mib) = row.memory_mib {
        merged.memory_mib = memory_mib;
        merged.registered_memory_mib = derived_registered_memory_mib(memory_mib);
    }
    if row.gpus == Some(0) {
        (merged.gpu_model, merged.gpu_memory_mib) = (None, None);
    }
    if row.on_demand_usd_per_hour.is_some() {
        merged.price_date = None;
    }
    replace(&mut merged.vcpus, row.vcpus);
    replace(&mut merged.registered_memory_mib, row.registered_memory_mib);
    replace(&mut merged.gpus, row.gpus);
    replace(&mut merged.architecture, row.architecture);
    replace(&mut merged.task_enis, row.task_enis);
    merged.gpu_model = row.gpu_model.or(merged.gpu_model);
    merged.gpu_memory_mib = row.gpu_memory_mib.or(merged.gpu_memory_mib);
    merged.task_enis_with_trunking = row
        .task_enis_with_trunking
        .or(merged.task_enis_with_trunking);
    merged.on_demand_usd_per_hour = row.on_demand_usd_per_hour.or(merged.on_demand_usd_per_hour);
    merged.price_date = row.price_date.or(merged.price_date);
    check(&merged)?;
    Ok(merged)
}

/// A type of which only the size is known.
fn bare(name: String, vcpus: u32, memory_mib: u32) -> InstanceType {
    InstanceType {
        name,
        vcpus,
        memory_mib,
        registered_memory_mib: derived_registered_memory_mib(memory_mib),
        gpus: 0,
        gpu_model: None,
        gpu_memory_mib: None,
        architecture: Architecture::X86_64,
        task_enis: TASK_ENIS_AT_LEAST,
        task_enis_with_trunking: None,
        on_demand_usd_per_hour: None,
        price_date: None,
    }
}

fn replace<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// What must hold between the fields of a type.
fn check(merged: &InstanceType) -> Result<(), String> {
    let InstanceType {
        memory_mib,
        registered_memory_mib,
        ..
    } = merged;
    if registered_memory_mib > memory_mib {
        return Err(format!(
            "registeredMemoryMib is {registered_memory_mib}, more than memoryMib, {memory_mib}"
        ));
    }
    if merged.gpus == 0 && (merged.gpu_model.is_some() || merged.gpu_memory_mib.is_some()) {
        return Err("gpuModel or gpuMemoryMib is given, but there are no gpus".to_owned());
    }
    if merged.price_date.is_some() && merged.on_demand_usd_per_hour.is_none() {
        return Err("priceDate is given, but there is no onDemandUsdPerHour".to_owned());
    }
    Ok(())
}

/// Memory in MiB that an instance of `memory_mib` nominal registers, where no value is documented:
/// 97.476 % of it, rounded down.
///
/// The agent registers what the operating system reports, less than the nominal size by an amount
/// that depends on kernel and firmware (Amazon ECS Developer Guide, "Container instance memory
/// management"). The share reproduces the one pair that page gives, m4.large: 8192 registers 7985.
/// It is an assumption elsewhere: the other documented types register from 0.3 % less
/// (t2.micro) to 0.7 % more (c4.large, c4.4xlarge) than it says.
pub fn derived_registered_memory_mib(memory_mib: u32) -> u32 {
    let registered = u64::from(memory_mib) * 97_476 / 100_000;
    u32::try_from(registered).expect("less than the nominal memory")
}

impl Architecture {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "x86_64" => Some(Architecture::X86_64),
            "arm64" => Some(Architecture::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        })
    }
}

/// Micro-dollars in a dollar.
const MICROS_PER_USD: u64 = 1_000_000;

impl UsdPerHour {
    /// The highest price that [`UsdPerHour::parse`] takes: a million dollars an hour.
    pub const MAX: UsdPerHour = UsdPerHour(1_000_000 * MICROS_PER_USD);

    /// A price of `micro_dollars` an hour.
    pub const fn from_micro_dollars(micro_dollars: u64) -> Self {
        UsdPerHour(micro_dollars)
    }

    /// Micro-dollars an hour.
    pub const fn micro_dollars(self) -> u64 {
        self.0
    }

    /// Reads dollars such as `3`, `0.096` or `21.957642`: digits, then at most six decimals, up to
    /// [`UsdPerHour::MAX`]. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 6 {
            return None;
        }
        let dollars = whole.parse::<u64>().ok()?.checked_mul(MICROS_PER_USD)?;
        let price = UsdPerHour(dollars.checked_add(format!("{decimals:0<6}").parse().ok()?)?);
        (price <= UsdPerHour::MAX).then_some(price)
    }
}

impl fmt::Display for UsdPerHour {
    /// Dollars with no more digits than needed: `3`, `0.096`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, rest) = (self.0 / MICROS_PER_USD, self.0 % MICROS_PER_USD);
        if rest == 0 {
            return write!(out, "{dollars}");
        }
        let decimals = format!("{rest:06}");
        write!(out, "{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

impl Problem {
    fn at(line: u64, message: impl Into<String>) -> Self {
        Problem {
            line: Some(line),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "line {line}: {}", self.message),
            None => out.write_str(&self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn embedded(name: &str) -> InstanceType {
        Catalogue::embedded()
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("no {name}"))
    }

    fn extended(csv: &str) -> Catalogue {
        let mut catalogue = Catalogue::embedded();
        catalogue
            .extend(csv.as_bytes())
            .expect("a catalogue that is well formed");
        catalogue
    }

    #[test]
    fn the_embedded_file_is_sorted_and_complete() {
        let catalogue = Catalogue::embedded();
        let rows = EMBEDDED
            .lines()
            .filter(|line| !line.starts_with('#'))
            .skip(1);
        let written: Vec<&str> = rows.filter_map(|row| row.split(',').next()).collect();
        assert_eq!(written, catalogue.names().collect::<Vec<_>>());
        let families = "c4 c5 c6g c6i c7i g4dn g5 g6 m4 m5 m6g m6i m7g m7i p3 p3dn p4d p5 r5 r6g r6i \
                        r7i t2 t3";
        let mut found: Vec<&str> = written
            .iter()
            .filter_map(|name| name.split('.').next())
            .collect();
        found.dedup();
        assert_eq!(found.join(" "), families);
    }

    #[test]
    fn every_embedded_price_has_its_date() {
        for instance_type in Catalogue::embedded().types.values() {
            let p3 = instance_type.name.starts_with("p3.");
            let date = if p3 { "2026-01-19" } else { PRICE_DATE };
            assert!(
                instance_type.on_demand_usd_per_hour.is_some(),
                "{}",
                instance_type.name
            );
            assert_eq!(
                instance_type.price_date.as_deref(),
                Some(date),
                "{}",
                instance_type.name
            );
        }
        let head = EMBEDDED.lines().nth(1).unwrap_or("");
        assert!(head.contains(REGION) && head.contains(PRICE_DATE), "{head}");
    }

    /// Amazon ECS Developer Guide, "GPU workloads": GPUs, vCPUs and GiB of memory; and of a GPU.
    #[test]
    fn gpu_types_are_as_documented() {
        let check = |name, gpus, vcpus, memory_gib: u32, model: &str, gpu_memory_mib| {
            let found = embedded(name);
            assert_eq!((found.gpus, found.vcpus), (gpus, vcpus), "{name}");
            assert_eq!(found.memory_mib, memory_gib * 1024, "{name}");
            assert_eq!(found.gpu_model.as_deref(), Some(model), "{name}");
            assert_eq!(found.gpu_memory_mib, Some(gpu_memory_mib), "{name}");
        };
        check("p3.2xlarge", 1, 8, 61, "NVIDIA V100", 16 * 1024);
        check("p3.8xlarge", 4, 32, 244, "NVIDIA V100", 16 * 1024);
        check("p3.16xlarge", 8, 64, 488, "NVIDIA V100", 16 * 1024);
        check("p3dn.24xlarge", 8, 96, 768, "NVIDIA V100", 32 * 1024);
        check("p4d.24xlarge", 8, 96, 1152, "NVIDIA A100", 40 * 1024);
        check("p5.48xlarge", 8, 192, 2048, "NVIDIA H100", 80 * 1024);
        check("g4dn.xlarge", 1, 4, 16, "NVIDIA T4", 16 * 1024);
        check("g4dn.12xlarge", 4, 48, 192, "NVIDIA T4", 16 * 1024);
        check("g5.16xlarge", 1, 64, 256, "NVIDIA A10G", 22_888);
        check("g5.48xlarge", 8, 192, 768, "NVIDIA A10G", 22_888);
        check("g6.12xlarge", 4, 48, 192, "NVIDIA L4", 22_888);
        assert_eq!(
            (embedded("m5.large").gpus, embedded("m5.large").gpu_model),
            (0, None)
        );
    }

    #[test]
    fn registered_memory_is_documented_or_derived() {
        let check = |name, nominal, registered| {
            let found = embedded(name);
            assert_eq!(
                (found.memory_mib, found.registered_memory_mib),
                (nominal, registered),
                "{name}"
            );
        };
        check("m4.large", 8192, 7985); // the document and the formula agree
        check("c4.large", 3840, 3768);
        check("t2.micro", 1024, 995);
        check("c4.4xlarge", 30_720, 30_158);
        check("c5.large", 4096, 3992);
        check("m5.large", 8192, 7985);
        check("m5.xlarge", 16_384, 15_970);
        assert_eq!(derived_registered_memory_mib(u32::MAX), 4_186_562_320);
    }

    /// Amazon ECS Developer Guide, "Elastic network interface trunking".
    #[test]
    fn task_enis_are_as_documented() {
        let check = |name, without, with| {
            let found = embedded(name);
            assert_eq!(
                (found.task_enis, found.task_enis_with_trunking),
                (without, with),
                "{name}"
            );
        };
        check("c5.large", 2, Some(10));
        check("c5.9xlarge", 7, Some(60));
        check("c5.18xlarge", 14, Some(120));
        check("c5.metal", 14, None);
        check("m5.24xlarge", 14, Some(120));
        check("r5.4xlarge", 7, Some(60));
        check("r5.8xlarge", 7, None);
        check("m6g.medium", 1, Some(4));
        check("c6g.metal", 14, Some(120));
        check("m6i.8xlarge", 7, Some(90));
        check("r6i.12xlarge", 7, Some(120));
        check("c6i.metal", 14, Some(120));
        check("g5.xlarge", 3, Some(6));
        check("g5.48xlarge", 6, Some(120));
        check("g4dn.12xlarge", 7, None);
        check("p3.8xlarge", 7, Some(60));
        check("p3dn.24xlarge", 14, None);
        check("p4d.24xlarge", 59, Some(120));
        check("t3.medium", 2, None);
        check("m7i.large", 2, None);
    }

    #[test]
    fn arm_is_graviton() {
        for instance_type in Catalogue::embedded().types.values() {
            let graviton = ["m6g.", "c6g.", "r6g.", "m7g."];
            let arm = graviton
                .iter()
                .any(|family| instance_type.name.starts_with(family));
            let expected = if arm { "arm64" } else { "x86_64" };
            assert_eq!(
                instance_type.architecture.to_string(),
                expected,
                "{}",
                instance_type.name
            );
        }
    }

    #[test]
    fn prices_are_exact() {
        let check = |text, micro_dollars: Option<u64>| {
            assert_eq!(
                UsdPerHour::parse(text).map(UsdPerHour::micro_dollars),
                micro_dollars,
                "{text}"
            );
        };
        check("0.096", Some(96_000));
        check("21.957642", Some(21_957_642));
        check("007", Some(7_000_000));
        check("0", Some(0));
        check("1000000.000000", Some(1_000_000_000_000));
        let refused =
            "1000000.000001 0.0000001 -1 +1 1e3 1. .5 . 1.2.3 1,5 NaN 99999999999999999999";
        for text in refused.split(' ').chain([""]) {
            check(text, None);
        }
        let shown = |name| {
            embedded(name)
                .on_demand_usd_per_hour
                .map(|price| price.to_string())
        };
        assert_eq!(shown("m5.large").as_deref(), Some("0.096"));
        assert_eq!(shown("m4.10xlarge").as_deref(), Some("2"));
        assert_eq!(shown("p4d.24xlarge").as_deref(), Some("21.957642"));
        assert_eq!(shown("p3.2xlarge").as_deref(), Some("3.06"));
    }

    #[test]
    fn a_known_name_replaces_only_what_is_filled_in() {
        let catalogue =
            extended("onDemandUsdPerHour,instanceType,tasksEni\n0.5,m5.large,\n,c5.large,7\n");
        let price = Some(UsdPerHour::from_micro_dollars(500_000));
        let cheaper = InstanceType {
            on_demand_usd_per_hour: price,
            price_date: None,
            ..embedded("m5.large")
        };
        assert_eq!(catalogue.get("m5.large"), Some(&cheaper));
        let wider = InstanceType {
            task_enis: 7,
            ..embedded("c5.large")
        };
        assert_eq!(catalogue.get("c5.large"), Some(&wider));
        assert_eq!(
            catalogue.names().count(),
            Catalogue::embedded().names().count()
        );
    }

    #[test]
    fn what_depends_on_a_replaced_field_follows_it() {
        let csv = "instanceType,memoryMib,registeredMemoryMib,gpus\n\
                   c4.large,10000,,\n\
                   t2.micro,2000,1999,\n\
                   p3.2xlarge,,,0\n";
        let catalogue = extended(csv);
        let registered = |name| catalogue.get(name).map(|found| found.registered_memory_mib);
        assert_eq!(registered("c4.large"), Some(9747));
        assert_eq!(registered("t2.micro"), Some(1999));
        let without_gpus = InstanceType {
            gpus: 0,
            gpu_model: None,
            gpu_memory_mib: None,
            ..embedded("p3.2xlarge")
        };
        assert_eq!(catalogue.get("p3.2xlarge"), Some(&without_gpus));
    }

    #[test]
    fn a_new_name_needs_its_size_only() {
        let csv =
            "\u{feff}# mine\r\n\r\ninstanceType, vcpus, memoryMib\r\nrack.big, 128, 1000000\r\n";
        let catalogue = extended(csv);
        let big = InstanceType {
            name: "rack.big".to_owned(),
            vcpus: 128,
            memory_mib: 1_000_000,
            registered_memory_mib: 974_760,
            gpus: 0,
            gpu_model: None,
            gpu_memory_mib: None,
            architecture: Architecture::X86_64,
            task_enis: 1,
            task_enis_with_trunking: None,
            on_demand_usd_per_hour: None,
            price_date: None,
        };
        assert_eq!(catalogue.get("rack.big"), Some(&big));
        assert!(catalogue.names().is_sorted());
    }

    #[test]
    fn a_new_type_may_say_everything() {
        let csv = "priceDate,onDemandUsdPerHour,tasksEniTrunking,tasksEni,architecture,gpuMemoryMib,\
                   gpuModel,gpus,registeredMemoryMib,memoryMib,vcpus,instanceType\n\
                   last year,1.25,20,4,arm64,8192,\"ACME \"\"X\"\", large\",2,900,1000,4,rack.gpu\n";
        let gpu = InstanceType {
            name: "rack.gpu".to_owned(),
            vcpus: 4,
            memory_mib: 1000,
            registered_memory_mib: 900,
            gpus: 2,
            gpu_model: Some("ACME \"X\", large".to_owned()),
            gpu_memory_mib: Some(8192),
            architecture: Architecture::Arm64,
            task_enis: 4,
            task_enis_with_trunking: Some(20),
            on_demand_usd_per_hour: Some(UsdPerHour::from_micro_dollars(1_250_000)),
            price_date: Some("last year".to_owned()),
        };
        assert_eq!(extended(csv).get("rack.gpu"), Some(&gpu));
    }

    #[test]
    fn broken_files_name_every_problem_and_change_nothing() {
        let check = |csv: &[u8], expected: &[&str]| {
            let mut catalogue = Catalogue::embedded();
            let problems = catalogue.extend(csv).expect_err("a broken catalogue");
            let messages: Vec<String> = problems.iter().map(Problem::to_string).collect();
            assert_eq!(messages, expected, "{}", csv.escape_ascii());
            assert_eq!(catalogue, Catalogue::embedded());
        };
        let no_header = "line 1: there is no header that names the columns";
        check(b"", &[no_header]);
        check(
            b"vcpus\n1\n",
            &["line 1: the column instanceType is missing"],
        );
        check(
            b"# mine\n\ninstanceType,vcpu,vcpus,vcpus\n",
            &[
                "line 3: there is no column \"vcpu\"; the columns are instanceType, vcpus, memoryMib, \
                 registeredMemoryMib, gpus, gpuModel, gpuMemoryMib, architecture, tasksEni, \
                 tasksEniTrunking, onDemandUsdPerHour, priceDate",
                "line 3: column vcpus is there twice",
            ],
        );
        check(
            b"instanceType\nm5.large\nm5.l\xffrge\n",
            &["line 3: this is not UTF-8 text"],
        );
        check(
            b"instanceType,vcpus,memoryMib\n\
              # a new type\n\
              x.new,,1024\n\
              \n\
              m5.large,0,many\n\
              m5.large\n\
              ,1,1\n\
              c5.large,1,\n\
              c5.large,2,\n\
              m5.xlarge,70000,-5\n\
              m5.xlarge,1,1,1",
            &[
                "line 3: \"x.new\" is a new type: it needs vcpus and memoryMib",
                "line 5: vcpus: \"0\" is not a whole number from 1 to 65536",
                "line 5: memoryMib: \"many\" is not a whole number from 1 to 268435456",
                "line 6: 1 field, but the header names 3 columns",
                "line 7: instanceType is empty",
                "line 9: \"c5.large\" has a row already, on line 8",
                "line 10: vcpus: \"70000\" is not a whole number from 1 to 65536",
                "line 10: memoryMib: \"-5\" is not a whole number from 1 to 268435456",
                "line 11: 4 fields, but the header names 3 columns",
            ],
        );
        check(
            b"instanceType,registeredMemoryMib,gpuModel,architecture,onDemandUsdPerHour\r\n\
              # carriage returns\r\n\
              \r\n\
              m5.large,8193,,,\r\n\
              m5.xlarge,,ACME,,\r\n\
              \"m5.2xlarge\",,,i386,$1\r\n",
            &[
                "line 4: registeredMemoryMib is 8193, more than memoryMib, 8192",
                "line 5: gpuModel or gpuMemoryMib is given, but there are no gpus",
                "line 6: architecture: \"i386\" is not x86_64 or arm64",
                "line 6: onDemandUsdPerHour: \"$1\" is not a price in dollars, such as 0.096, with at \
                 most six decimals",
            ],
        );
        check(
            b"instanceType,vcpus,memoryMib,priceDate\nx.new,1,1,today\n",
            &["line 2: priceDate is given, but there is no onDemandUsdPerHour"],
        );
    }

    #[test]
    fn a_reader_that_fails_is_a_problem() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let problems = Catalogue::default()
            .extend(Broken)
            .expect_err("a reader that fails");
        let messages: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(messages, ["the file cannot be read: the disk is gone"]);
    }
}
