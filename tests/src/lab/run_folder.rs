//! A folder for one run of one server, removed with it. Named after the process that made it,
//! so that the folders of a run that was killed are found and removed by the next one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

/// Short, because the path of a Unix socket must fit into 108 bytes.
const PREFIX: &str = "regain-lab-";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A new, empty folder that only this user can read; gone when dropped.
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes one.
    ///
    /// # Errors
    /// When the machine's folder for temporary files cannot be written.
    pub fn new(purpose: &str) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt;

        let base = std::env::temp_dir();
        remove_abandoned(&base);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{PREFIX}{}-{number}-{purpose}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file inside and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Makes a folder inside and returns its path.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if std::env::var_os("REGAIN_LAB_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes every folder of this process, for when it is told to end.
pub fn remove_all() {
    let mine = format!("{PREFIX}{}-", std::process::id());
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&mine) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes the folders of runs whose process is gone.
fn remove_abandoned(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        let kept = std::env::var_os("REGAIN_LAB_KEEP").is_some();
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) && !kept {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
