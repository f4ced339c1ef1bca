//! Writes what is made of the table of settings into the repository: `cargo xtask codegen`.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let root: PathBuf = env::args_os().nth(1).unwrap_or_else(|| ".".into()).into();
    for file in os_windows::policy::template::files() {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, file.text)?;
    }
    Ok(())
}
