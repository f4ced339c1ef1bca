//! Whatever bytes come over a pipe of the host: no reader breaks, what is read is written the
//! same again, and a statement that no key signed is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::host::{
    Blob, Exactly, Message, app, decode, encode, read_from, statement::Signed, tile,
};

fn look<M: Message>(rest: &[u8]) {
    if let Ok(message) = decode::<M>(rest) {
        let again = encode(&message).expect("what was read fits");
        assert_eq!(&again[2..], rest);
    }
    let mut pipe = rest;
    while let Ok(Some(_)) = read_from::<M>(&mut pipe) {}
}

fuzz_target!(|bytes: &[u8]| {
    look::<tile::Ask>(bytes);
    look::<tile::Tell>(bytes);
    look::<app::Ask>(bytes);
    look::<app::Tell>(bytes);
    if let Some((signature, statement)) = bytes.split_first_chunk::<64>()
        && let Some(statement) = Blob::new(statement)
    {
        let signed = Signed { statement, signature: Exactly(*signature) };
        assert!(signed.assertion().is_none() && signed.readiness().is_none());
    }
});
