//! The command line. Few options, read by hand: a parser would be a tenth of the download.

use std::{ffi::OsString, path::PathBuf};
#[cfg(feature = "window")]
use std::{io::Write, process::ExitCode};

use serde::Serialize;

const WORDS: &str = "\
regain: unlock an account or set a new password

  regain [--policy FILE] [--setup]

  --policy FILE  read the settings from FILE, not from the place of this system
  --setup        first day: words for a new device
  --version      print the version
  --help         print this";

/// How the app is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// An ordinary window.
    Desktop,
    /// The first day on a new device.
    Setup,
    /// Over the whole sign-in screen.
    SignIn,
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// `--policy FILE`.
    pub policy: Option<PathBuf>,
    /// `--setup`, else the desktop.
    pub mode: Mode,
    /// `--host`: started by the host, which talks over standard input and output and says what
    /// to be. Not for people, so no words name it.
    pub host: bool,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Run the app.
    Run(CommandLine),
    /// Print these words and end.
    Words(String),
}

impl Asked {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// Words for the person, with the options that there are.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut command_line = CommandLine { policy: None, mode: Mode::Desktop, host: false };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--setup") => command_line.mode = Mode::Setup,
                Some("--host") => command_line.host = true,
                Some("--policy") => match arguments.next() {
                    Some(file) => command_line.policy = Some(file.into()),
                    None => return Err("--policy needs a file: --policy FILE".to_owned()),
                },
                Some("--version") => {
                    return Ok(Self::Words(format!("regain {}", env!("CARGO_PKG_VERSION"))));
                }
                Some("--help" | "-h") => return Ok(Self::Words(WORDS.to_owned())),
                Some(_) | None => {
                    return Err(format!("{argument:?} is no option of regain\n\n{WORDS}"));
                }
            }
        }
        Ok(Self::Run(command_line))
    }
}

/// Says why the app does not run.
#[cfg(feature = "window")]
pub(crate) fn complain(mistake: &str) -> ExitCode {
    // Where nobody can read (no console, closed pipe), nobody is told.
    let _ = writeln!(std::io::stderr().lock(), "regain: {mistake}");
    ExitCode::from(2)
}

/// Says what was asked for.
#[cfg(feature = "window")]
pub(crate) fn say(words: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout().lock(), "{words}");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str]) -> Result<Asked, String> {
        Asked::read(words.iter().map(OsString::from))
    }

    #[test]
    fn options_are_read_and_others_refused_with_the_right_ones() {
        assert_eq!(
            read_words(&["--setup", "--policy", "a.toml"]),
            Ok(Asked::Run(CommandLine {
                policy: Some("a.toml".into()),
                mode: Mode::Setup,
                host: false
            }))
        );
        let hosted = CommandLine { policy: None, mode: Mode::Desktop, host: true };
        assert_eq!(read_words(&["--host"]), Ok(Asked::Run(hosted)));
        assert!(!WORDS.contains("--host"));
        assert!(matches!(read_words(&["--version"]), Ok(Asked::Words(_))));
        assert!(read_words(&["--policy"]).unwrap_err().contains("--policy FILE"));
        assert!(read_words(&["--debug"]).unwrap_err().contains("--setup"));
    }
}
