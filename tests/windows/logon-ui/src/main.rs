//! Plays LogonUI, and the host behind the pipe, under Wine: `LogonUI STORY`. Each story is one
//! process, says what it measured, and ends with an error where something is not as promised.
//! Proves nothing of a real sign-in screen but that the library keeps to the order of calls.

#[cfg(windows)]
mod fakes;
#[cfg(windows)]
mod host;
#[cfg(windows)]
mod screen;
#[cfg(windows)]
mod stories;

#[cfg(windows)]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["host"] => host::serve(),
        [story, rest @ ..] => stories::tell(story, rest),
        [] => anyhow::bail!("LogonUI STORY"),
    }
}

/// Nothing to play elsewhere.
#[cfg(not(windows))]
fn main() {}
