//! Controllers that do not let changes be followed: everything is read anew, never too little.

use directory::{Cookie, Directory, Page, Reading};
use tokio::sync::mpsc;

use crate::{
    driver,
    server::{Listing, Script, Scripted},
};

const OPEN: Listing = Listing { number: 500, database: Some(1), tells_changes: true };

async fn read(server: &Scripted, since: Option<&Cookie>) -> (Reading, usize) {
    let (hand_over, mut pages) = mpsc::channel::<Page>(1);
    let driver = driver(server);
    let counting = async {
        let mut count = 0;
        while let Some(page) = pages.recv().await {
            count += page.accounts.len();
        }
        count
    };
    let (reading, count) = tokio::join!(driver.accounts(0, since, hand_over), counting);
    (reading.unwrap(), count)
}

fn server(listing: Listing) -> Scripted {
    Scripted::start(Script { listing: Some(listing), ..Script::default() })
}

#[tokio::test]
async fn without_sight_of_what_changes_are_told_by_there_is_no_cookie() {
    let hidden = [Listing { database: None, ..OPEN }, Listing { tells_changes: false, ..OPEN }];
    for listing in hidden {
        let (reading, count) = read(&server(listing), None).await;
        assert!(reading.whole && reading.cookie.is_none());
        assert_eq!(count, 1);
    }
    assert!(read(&server(OPEN), None).await.0.cookie.is_some());
}

#[tokio::test]
async fn a_controller_that_was_restored_or_is_another_one_is_read_anew() {
    let server = server(OPEN);
    let cookie = read(&server, None).await.0.cookie;
    let now = |listing| server.script.lock().unwrap().listing = Some(listing);
    now(Listing { number: 700, ..OPEN });
    let (later, _) = read(&server, cookie.as_ref()).await;
    assert!(!later.whole);
    assert_ne!(later.cookie, cookie);
    for restored in [Listing { database: Some(2), ..OPEN }, Listing { number: 499, ..OPEN }] {
        now(restored);
        let (reading, count) = read(&server, cookie.as_ref()).await;
        assert!(reading.whole);
        assert_eq!(count, 1);
    }
}

#[tokio::test]
async fn whoever_stops_taking_pages_stops_the_reading() {
    let server = server(OPEN);
    let (hand_over, pages) = mpsc::channel::<Page>(1);
    drop(pages);
    let stopped = driver(&server).accounts(0, None, hand_over).await;
    assert_eq!(stopped, Err(protocol::directory::NotDone::Expired));
}
