//! The output directory: files that appear only when they are complete.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A directory that is being filled. Nothing shows under its final name before [`Directory::publish`].
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    files: Vec<(String, NamedTempFile)>,
    /// Whether nobody else writes these files.
    alone: bool,
}

/// A file of the directory, buffered.
pub type File = BufWriter<fs::File>;

impl Directory {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or written to, in words that name it and the remedy.
    pub fn create(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            return Err(format!(
                "{shown}: is a file, not a directory; choose another with --out"
            ));
        }
        let told = |error: io::Error| {
            format!("{shown}: cannot write here: {error}; choose another directory with --out")
        };
        fs::create_dir_all(path).map_err(told)?;
        NamedTempFile::new_in(path).map_err(told)?;
        Ok(Directory {
            path: path.to_owned(),
            files: Vec::new(),
            alone: false,
        })
    }

    /// A directory that is there, for files which no other process writes at the same time. Their
    /// temporary names are always the same, so that what a killed process left is written over.
    pub fn alone(path: &Path) -> Self {
        Directory {
            path: path.to_owned(),
            files: Vec::new(),
            alone: true,
        }
    }

    /// Opens a file that will be called `name`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&mut self, name: &str) -> io::Result<File> {
        let file = match self.alone {
            false => NamedTempFile::with_prefix_in(format!(".{name}-"), &self.path)?,
            true => {
                let partial = format!(".{name}.partial");
                match fs::remove_file(self.path.join(&partial)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                let mut names = tempfile::Builder::new();
                names.prefix(&partial).rand_bytes(0);
                names.tempfile_in(&self.path)?
            }
        };
        let writer = BufWriter::with_capacity(1 << 16, file.reopen()?);
        self.files.push((name.to_owned(), file));
        Ok(writer)
    }

    /// Writes a whole file that will be called `name`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.open(name)?;
        file.write_all(bytes)?;
        file.flush()
    }

    /// Gives every file its name, and removes what an earlier run left here. Their writers must have
    /// been flushed.
    ///
    /// # Errors
    /// When a file cannot be renamed; those before it have their names then.
    pub fn publish(self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.clone();
        let paths = self.publish_among_others()?;
        remove_left_over(&folder, &paths)?;
        Ok(paths)
    }

    /// Gives every file its name, and touches no other: the directory is its user's.
    ///
    /// # Errors
    /// As [`Directory::publish`].
    pub fn publish_among_others(self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for (name, file) in self.files {
            let path = self.path.join(&name);
            readable_by_all(file.as_file())?;
            file.persist(&path).map_err(|error| error.error)?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// What a run writes only when it is wanted.
const WHEN_WANTED: [&str; 12] = [
    "service-events.csv",
    "events.jsonl",
    "report.html",
    "describe-tasks.json",
    "describe-container-instances.json",
    "describe-jobs.json",
    "utilization.svg",
    "utilization.png",
    "instances.svg",
    "instances.png",
    "waits.svg",
    "waits.png",
];

/// Removes the report, events, pictures, service events and documents of an earlier run where this one wrote none: they would
/// stand beside tables that say something else. By exact name, so that nothing else is ever touched.
fn remove_left_over(folder: &Path, written: &[PathBuf]) -> io::Result<()> {
    for path in WHEN_WANTED.map(|name| folder.join(name)) {
        if !written.contains(&path) && path.is_file() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Temporary files are made for their owner only; results are files like any other.
#[cfg(unix)]
fn readable_by_all(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &fs::File) -> io::Result<()> {
    Ok(())
}
