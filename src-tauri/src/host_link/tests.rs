//! The app's end against a host that is written down here frame by frame, over real pipes.

use std::io::{PipeReader, PipeWriter};

use protocol::host::{
    app::{Join, Known, Mode, Proxy},
    tile::Outcome,
};

use super::*;

struct Host {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Host {
    fn hears(&mut self) -> Ask {
        host::read_from(&mut self.reader).unwrap().expect("the app says something")
    }

    fn says(&mut self, tell: &Tell) {
        host::write_to(&mut self.writer, tell).unwrap();
    }
}

const PC: Pc = Pc {
    join: Join::Domain,
    controller: Known::Unknown,
    cached_sign_in: Known::Unknown,
    vpn_hook: false,
};

fn hello() -> Hello {
    Hello {
        mode: Mode::SignIn,
        scenario: None,
        way: None,
        user: Text::new("anna"),
        proxy: Proxy::Direct,
        pc: PC,
        device: None,
        fleet_token: None,
        language: Text::cut("de-DE"),
        may_sign_in: false,
        without_gpu: false,
    }
}

fn pipes() -> (PipeReader, PipeWriter, Host) {
    let (reader, theirs) = io::pipe().unwrap();
    let (ours, writer) = io::pipe().unwrap();
    (reader, writer, Host { reader: ours, writer: theirs })
}

fn linked() -> (HostLink, Host) {
    let (reader, writer, mut host) = pipes();
    host.says(&Tell::Hello(hello()));
    let (link, hello) = HostLink::over(reader, writer).unwrap();
    assert_eq!(hello.user.unwrap().as_str(), "anna");
    (link, host)
}

fn ending() -> Ending {
    Ending { outcome: Outcome::Done, words: Text::default(), sign_in: None }
}

#[test]
fn without_a_hello_there_is_no_link() {
    let (reader, writer, host) = pipes();
    drop(host);
    assert!(matches!(HostLink::over(reader, writer), Err(OpenError::NoHello)));
    let (reader, writer, mut host) = pipes();
    host.says(&Tell::Kept);
    assert!(matches!(HostLink::over(reader, writer), Err(OpenError::NoHello)));
    let (reader, writer, mut host) = pipes();
    host.writer.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    drop(host);
    assert!(matches!(HostLink::over(reader, writer), Err(OpenError::Pipe(_))));
}

#[tokio::test]
async fn one_question_is_asked_at_a_time_and_each_gets_its_own_answer() {
    let (link, mut host) = linked();
    let other = link.clone();
    let pc = tokio::spawn(async move { other.pc().await });
    let asked = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Pc));
        host
    });
    let mut host = asked.await.unwrap();
    let other = link.clone();
    let kept = tokio::spawn(async move { other.get(Slot::Resume).await });
    // Not a question, so it does not wait: the other question does.
    tokio::task::yield_now().await;
    link.present();
    link.ready();
    link.ready();
    link.present();
    assert!(matches!(host.hears(), Ask::Ready));
    assert!(matches!(host.hears(), Ask::Present));
    host.says(&Tell::Pc(PC));
    assert!(matches!(host.hears(), Ask::Get { slot: Slot::Resume, part: 0 }));
    host.says(&Tell::Nothing);
    assert_eq!(pc.await.unwrap(), Ok(PC));
    assert_eq!(kept.await.unwrap(), Ok(None));
}

#[tokio::test]
async fn what_does_not_fit_a_frame_goes_in_parts() {
    let (link, mut host) = linked();
    let bytes: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let wanted = bytes.clone();
    let keeper = tokio::task::spawn_blocking(move || {
        let mut parts = Vec::new();
        while parts.len() < 3 {
            let Ask::Put { slot: Slot::Help, part } = host.hears() else { panic!("a part") };
            parts.push(part);
            host.says(&Tell::Kept);
        }
        for part in &parts {
            assert!(matches!(host.hears(), Ask::Get { part: number, .. } if number == part.part));
            host.says(&Tell::Part(part.clone()));
        }
    });
    link.put(Slot::Help, &bytes).await.unwrap();
    assert_eq!(link.get(Slot::Help).await, Ok(Some(wanted)));
    keeper.await.unwrap();
    let too_long = LinkError::NotKept(NotKept::Size);
    assert_eq!(link.put(Slot::Resume, &bytes).await, Err(too_long));
}

#[tokio::test]
async fn a_host_that_sends_parts_without_end_is_not_believed() {
    let (link, mut host) = linked();
    let endless = tokio::task::spawn_blocking(move || {
        for part in 0..2 {
            assert!(matches!(host.hears(), Ask::Get { .. }));
            let bytes = protocol::host::Blob::new([0; Part::BYTES]).unwrap();
            host.says(&Tell::Part(Part { part, of: 200, bytes }));
        }
        host
    });
    assert_eq!(link.get(Slot::Resume).await, Err(LinkError::Unexpected));
    endless.await.unwrap();
}

#[tokio::test]
async fn told_to_end_it_asks_nothing_more_but_keeps_what_it_must() {
    let (link, mut host) = linked();
    let other = link.clone();
    let pc = tokio::spawn(async move { other.pc().await });
    let asked = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Pc));
        host.says(&Tell::Cancel(Cause::Session));
        host
    });
    let mut host = asked.await.unwrap();
    assert_eq!(link.stopped().await, Stop::Cancelled(Cause::Session));
    assert_eq!(pc.await.unwrap(), Err(LinkError::Gone));
    assert_eq!(link.sign([1; 32], [2; 32]).await, Err(LinkError::Gone));
    let other = link.clone();
    let kept = tokio::spawn(async move { other.put(Slot::Resume, b"here").await });
    let keeper = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Put { .. }));
        // The answer that crossed the end is not taken for this one's.
        host.says(&Tell::Pc(PC));
        host.says(&Tell::Kept);
        host
    });
    assert_eq!(kept.await.unwrap(), Ok(()));
    let mut host = keeper.await.unwrap();
    link.end(ending());
    link.end(ending());
    link.status("behind the last word");
    drop(link);
    assert!(matches!(host.hears(), Ask::Outcome(_)));
    assert!(matches!(host.hears(), Ask::End));
    // The reader thread holds the pipe as long as the host does.
    let Host { mut reader, writer } = host;
    drop(writer);
    assert!(host::read_from::<Ask>(&mut reader).unwrap().is_none());
}

#[tokio::test]
async fn a_pipe_that_ends_is_an_end() {
    let (link, host) = linked();
    let other = link.clone();
    let answer = tokio::spawn(async move { other.answer().await.is_none() });
    drop(host);
    assert_eq!(link.stopped().await, Stop::HostGone);
    assert!(answer.await.unwrap());
    assert_eq!(link.pc().await, Err(LinkError::Gone));
    assert_eq!(link.delete(Slot::Resume).await, Err(LinkError::Gone));
}

#[tokio::test]
async fn answers_of_a_view_arrive_and_an_answer_of_another_kind_is_refused() {
    let (link, mut host) = linked();
    host.says(&Tell::Answer(Answer { number: 7, choice: 1, typed: Few::none() }));
    assert_eq!(link.answer().await.unwrap().number, 7);
    let other = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Sign(_)));
        host.says(&Tell::Kept);
        assert!(matches!(host.hears(), Ask::Sign(_)));
        host.says(&Tell::NotSigned(NotSigned::NoKey));
        host
    });
    assert_eq!(link.sign([1; 32], [2; 32]).await, Err(LinkError::Unexpected));
    let no_key = LinkError::NotSigned(NotSigned::NoKey);
    assert_eq!(link.sign([1; 32], [2; 32]).await, Err(no_key));
    other.await.unwrap();
}

#[tokio::test]
async fn who_leaves_is_forgotten_before_what_the_host_is_still_asked() {
    let (link, mut host) = linked();
    let other = link.clone();
    let pc = tokio::spawn(async move { other.pc().await });
    let asked = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Pc));
        host
    });
    let mut host = asked.await.unwrap();
    // Nobody waits for it any more, and still it is said.
    let forgotten = tokio::time::timeout(Duration::ZERO, link.delete(Slot::Resume)).await;
    assert!(forgotten.is_err());
    link.leave();
    assert_eq!(pc.await.unwrap(), Err(LinkError::Gone));
    assert!(matches!(host.hears(), Ask::Delete(Slot::Resume)));
    assert_eq!(link.put(Slot::Resume, b"here").await, Err(LinkError::Gone));
}

#[tokio::test]
async fn the_network_is_not_sought_before_the_window_is_drawn() {
    let (link, mut host) = linked();
    let other = link.clone();
    let connect = tokio::spawn(async move { other.connect().await });
    tokio::task::yield_now().await;
    link.ready();
    let heard = tokio::task::spawn_blocking(move || {
        assert!(matches!(host.hears(), Ask::Ready), "first");
        assert!(matches!(host.hears(), Ask::Connect));
        host.says(&Tell::Pc(PC));
        host
    });
    assert_eq!(connect.await.unwrap(), Ok(PC));
    heard.await.unwrap();
}
