//! regain-host: the Windows service behind the tile. On other systems it is only a library.

use std::process::ExitCode;

#[cfg(windows)]
fn main() -> anyhow::Result<ExitCode> {
    command_line::run()
}

#[cfg(not(windows))]
fn main() -> ExitCode {
    use std::io::Write as _;

    let _ = writeln!(std::io::stderr(), "regain-host is a service of Windows.");
    ExitCode::FAILURE
}

#[cfg(windows)]
mod command_line {
    use std::{io::Write as _, path::PathBuf, process::ExitCode};

    use anyhow::Result;
    use clap::{Parser, Subcommand};
    use regain_host::windows;

    /// The way in from the sign-in screen.
    #[derive(Parser)]
    #[command(version)]
    struct Line {
        #[command(subcommand)]
        verb: Verb,
    }

    #[derive(Subcommand)]
    enum Verb {
        /// The service of Windows. Without more: what Windows starts.
        Service {
            #[command(subcommand)]
            what: Option<Service>,
        },
        /// Say what keeps people at this PC from getting back in.
        Check,
        /// What the service starts in the session of a sign-in screen.
        #[command(hide = true)]
        SessionHelper {
            /// The pipe of the run.
            pipe: String,
        },
    }

    #[derive(Subcommand)]
    enum Service {
        /// Put the service in, with the app's account. Run it again to mend either.
        Install {
            /// The only program that may show the tile, in place of Windows' own.
            #[arg(long, hide = true, value_name = "PROGRAM")]
            sign_in_screen: Option<PathBuf>,
        },
        /// Take the service out, with account, keys and everything that was kept.
        Uninstall,
        /// What Windows starts.
        #[command(hide = true)]
        Run {
            #[arg(long, hide = true, value_name = "PROGRAM")]
            sign_in_screen: Option<PathBuf>,
        },
    }

    /// Something stayed that an uninstallation takes along (docs/rollout.md).
    const STAYS: u8 = 3;

    pub(crate) fn run() -> Result<ExitCode> {
        match Line::parse().verb {
            Verb::Service { what: Some(Service::Install { sign_in_screen }) } => {
                windows::install(sign_in_screen.as_deref())?;
                say("The service is in and starts with Windows. Now: sc start regain-host")?;
            }
            Verb::Service { what: Some(Service::Uninstall) } => {
                let left = windows::uninstall()?;
                if left.is_empty() {
                    say("The service is out, with everything that was kept.")?;
                } else {
                    say("The service is taken out, but not all of it:")?;
                    left.iter().try_for_each(|left| say(&left.to_string()))?;
                    return Ok(ExitCode::from(STAYS));
                }
            }
            Verb::Service { what: Some(Service::Run { sign_in_screen }) } => {
                windows::run(sign_in_screen)?;
            }
            Verb::Service { what: None } => windows::run(None)?,
            Verb::Check => {
                for line in windows::check()? {
                    say(&line)?;
                }
            }
            Verb::SessionHelper { pipe } => windows::helper(&pipe)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn say(words: &str) -> Result<()> {
        writeln!(std::io::stdout(), "{words}").map_err(Into::into)
    }
}
