//! An app that is played, as a process: what the host says comes in on standard input, what the
//! app says goes out on standard output. The argument says what it does. For tests alone.
#![expect(clippy::wildcard_enum_match_arm, reason = "a part that is played fails on anything else")]

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use protocol::host::{
    Exactly, Few, Text,
    app::{Ask, Ending, Hello, Look, Mode, Part, Slot, Tell},
    read_from,
    statement::Wanted,
    tile::{Field, Outcome, Picture, View},
    write_to,
};

fn main() -> ExitCode {
    let act = std::env::args().nth(1).unwrap_or_default();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    match play(&act, &mut input, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn play(act: &str, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let Some(Tell::Hello(hello)) = read_from(input)? else {
        return Err(io::Error::other("no hello"));
    };
    match act {
        "falls-over" => return Ok(()),
        "shows-nothing" if hello.mode != Mode::Tile => {
            // Until the host has had enough.
            return io::copy(input, &mut io::sink()).map(drop);
        }
        _ => write_to(output, &Ask::Ready)?,
    }
    match act {
        "falls-over-later" => Ok(()),
        "garbage" => output.write_all(&[0xFF; 64]),
        "waits" => wait(input, output),
        "floods" => loop {
            write_to(output, &Ask::Status(Text::cut("again")))?;
        },
        "floods-questions" => loop {
            write_to(output, &Ask::Get { slot: Slot::Resume, part: 0 })?;
        },
        "leaves-while-looking" => {
            for part in Part::cut(b"a token").unwrap_or_default() {
                ask(input, output, &Ask::Put { slot: Slot::Resume, part })?;
            }
            write_to(output, &Ask::Pc)?;
            match ask(input, output, &Ask::Delete(Slot::Resume))? {
                Tell::Kept => say_goodbye(output, Outcome::Cancelled, "forgotten at once"),
                _ => Err(io::Error::other("not the first answer")),
            }
        }
        "asks-pc" => {
            let controller = |told| match told {
                Tell::Pc(pc) => format!("{:?} {:?}", pc.controller, pc.cached_sign_in),
                _ => "nothing".to_owned(),
            };
            let first = controller(Tell::Pc(hello.pc));
            let pc = controller(ask(input, output, &Ask::Pc)?);
            let connected = controller(ask(input, output, &Ask::Connect)?);
            say_goodbye(output, Outcome::Done, &format!("{first}; {pc}; {connected}"))
        }
        _ if hello.mode == Mode::Report => report(&hello, input, output),
        _ if hello.mode == Mode::Tile => in_the_tile(input, output),
        _ => prove(&hello, input, output),
    }
}

fn say_goodbye(output: &mut impl Write, outcome: Outcome, words: &str) -> io::Result<()> {
    let ending = Ending { outcome, words: Text::cut(words), sign_in: None };
    write_to(output, &Ask::Outcome(ending))?;
    write_to(output, &Ask::End)
}

fn wait(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    while let Some(told) = read_from::<Tell>(input)? {
        if let Tell::Cancel(cause) = told {
            return say_goodbye(output, Outcome::Cancelled, &format!("{cause:?}"));
        }
    }
    Ok(())
}

fn ask(input: &mut impl Read, output: &mut impl Write, ask: &Ask) -> io::Result<Tell> {
    write_to(output, ask)?;
    read_from(input)?.ok_or_else(|| io::Error::other("no answer"))
}

/// Says what a service would see, and what outlives a run.
fn prove(hello: &Hello, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let wanted = Wanted::Assertion { nonce: Exactly([1; 32]), run_key: Exactly([2; 32]) };
    let user = match ask(input, output, &Ask::Sign(wanted))? {
        Tell::Signed(signed) => match signed.assertion() {
            Some(assertion) => assertion.user,
            None => return say_goodbye(output, Outcome::NotDone, "a bad signature"),
        },
        _ => return say_goodbye(output, Outcome::NotDone, "not signed"),
    };
    let kept = match ask(input, output, &Ask::Get { slot: Slot::Resume, part: 0 })? {
        Tell::Part(part) => String::from_utf8_lossy(part.bytes.as_slice()).into_owned(),
        _ => "nothing".to_owned(),
    };
    for part in Part::cut(b"a token").unwrap_or_default() {
        ask(input, output, &Ask::Put { slot: Slot::Resume, part })?;
    }
    let folder = std::env::temp_dir();
    std::fs::write(folder.join("cache"), b"x")?;
    let user = user.map_or("nobody".to_owned(), |user| user.as_str().to_owned());
    let gpu = hello.without_gpu;
    say_goodbye(output, Outcome::Done, &format!("{user}, kept {kept}, without gpu {gpu}"))
}

fn in_the_tile(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let field =
        |label: &str, covered| Field { label: Text::cut(label), covered, typed: Text::default() };
    let view = View {
        number: 1,
        title: Text::cut("New password"),
        text: Text::cut("Type it twice."),
        fields: Few::new(vec![field("New", true), field("Again", true)]).unwrap_or_default(),
        choices: Few::new(vec![Text::cut("Save")]).unwrap_or_default(),
    };
    match ask(input, output, &Ask::View(view))? {
        Tell::Answer(answer) => {
            let typed: Vec<&str> =
                answer.typed.as_slice().iter().map(|typed| typed.expose()).collect();
            let same = typed.windows(2).all(|pair| pair[0] == pair[1]);
            say_goodbye(output, Outcome::Done, &format!("the same: {same}"))
        }
        Tell::Cancel(cause) => say_goodbye(output, Outcome::Cancelled, &format!("{cause:?}")),
        _ => Err(io::Error::other("no answer")),
    }
}

fn report(hello: &Hello, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    if hello.fleet_token.is_some() {
        ask(input, output, &Ask::Reported { device: Exactly([5; 16]) })?;
    }
    let signed = ask(input, output, &Ask::Sign(Wanted::Readiness { nonce: Exactly([1; 32]) }))?;
    let is_good = matches!(&signed, Tell::Signed(signed) if signed.readiness().is_some());
    let words = Look::Words {
        language: hello.language.clone(),
        label: Text::cut("Brought by the report"),
        help: Text::cut("Call 4711"),
    };
    ask(input, output, &Ask::Look(words))?;
    for part in Part::cut(&vec![9; Picture::BYTES]).unwrap_or_default() {
        ask(input, output, &Ask::Look(Look::Picture(part)))?;
    }
    say_goodbye(output, if is_good { Outcome::Done } else { Outcome::NotDone }, "")
}
