use protocol::host::statement::{Assertion, Signed};
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;
use crate::parts::NoChip;

/// A chip with one key, which can be cleared, and which can be away.
#[derive(Default)]
struct Soft {
    key: Mutex<Option<SigningKey>>,
    made: Mutex<u8>,
    away: Mutex<bool>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn public_half(key: &SigningKey) -> [u8; 65] {
    public_of(key).unwrap().0
}

impl Soft {
    fn here(&self) -> Result<MutexGuard<'_, Option<SigningKey>>, ChipError> {
        if *locked(&self.away) {
            return Err(ChipError::Away(io::Error::other("it guards itself")));
        }
        Ok(locked(&self.key))
    }

    fn away(&self, away: bool) {
        *locked(&self.away) = away;
    }
}

impl Chip for Soft {
    fn make(&self) -> Result<[u8; 65], ChipError> {
        let mut key = self.here()?;
        let mut made = locked(&self.made);
        *made += 1;
        let mut bytes = [0; 32];
        bytes[31] = *made;
        *key = SigningKey::from_slice(&bytes).ok();
        key.as_ref().map(public_half).ok_or(ChipError::NoKey)
    }

    fn public(&self) -> Result<[u8; 65], ChipError> {
        let key = self.here()?;
        key.as_ref().map(public_half).ok_or(ChipError::NoKey)
    }

    fn sign(&self, public: &[u8; 65], bytes: &[u8]) -> Result<[u8; 64], ChipError> {
        if self.public()? != *public {
            return Err(ChipError::NoKey);
        }
        let signature: Signature = self.here()?.as_ref().ok_or(ChipError::NoKey)?.sign(bytes);
        Ok(signature.to_bytes().into())
    }

    fn forget(&self) -> Result<(), ChipError> {
        *self.here()? = None;
        Ok(())
    }
}

fn open(folder: &Path, machine: &str, chip: &dyn Chip) -> DeviceKey {
    let key = DeviceKey::new(folder);
    look(&key, machine, chip).unwrap();
    key
}

fn look(key: &DeviceKey, machine: &str, chip: &dyn Chip) -> Result<Looked, Trouble> {
    let seed = if machine == "S-1" { 3 } else { 4 };
    key.look(Ok(machine.to_owned()), chip, &mut StdRng::seed_from_u64(seed))
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(77)
}

fn public(key: &DeviceKey) -> Exactly<65> {
    key.device().unwrap().public
}

fn is_good(key: &DeviceKey, chip: &dyn Chip) -> bool {
    let assertion = Assertion {
        nonce: Exactly([1; 32]),
        run_key: Exactly([2; 32]),
        device_key: public(key),
        kind: key.kind().unwrap(),
        at: 0,
        scenario: None,
        user: None,
    };
    let signed = Signed::assert(&assertion, &key.with(chip));
    signed.is_ok_and(|signed| signed.assertion().is_some())
}

#[test]
fn the_key_and_its_enrolment_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for chip in [&Soft::default() as &dyn Chip, &NoChip] {
        let _ = std::fs::remove_file(folder.path().join("device-key"));
        let first = open(folder.path(), "S-1", chip);
        first.reported(Exactly([5; 16]), &mut rng()).unwrap();
        let second = open(folder.path(), "S-1", chip);
        assert_eq!(first.device(), second.device());
        assert_eq!(second.device().unwrap().enrolled, Some(Exactly([5; 16])));
        assert!(is_good(&second, chip));
    }
}

#[test]
fn a_copy_of_the_disk_on_another_machine_makes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let original = open(folder.path(), "S-1", &NoChip);
    original.reported(Exactly([5; 16]), &mut rng()).unwrap();
    let copy = DeviceKey::new(folder.path());
    assert_eq!(look(&copy, "S-12", &NoChip).unwrap(), Looked::Made(Why::OtherMachine));
    assert_ne!(public(&original), public(&copy));
    assert_eq!(copy.device().unwrap().enrolled, None);
    assert_eq!(open(folder.path(), "S-12", &NoChip).device(), copy.device());
}

#[test]
fn a_report_goes_on_from_the_last_one_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let key = open(folder.path(), "S-1", &NoChip);
    let first = key.marks().unwrap();
    assert_eq!(first.before, Exactly([0; 16]));
    // Not taken, as far as anybody here knows: the same again.
    assert_eq!(open(folder.path(), "S-1", &NoChip).marks(), Some(first));
    key.reported(Exactly([5; 16]), &mut rng()).unwrap();
    let second = key.marks().unwrap();
    assert_eq!(second.before, first.next);
    assert_ne!(second.next, first.next);
    assert_eq!(open(folder.path(), "S-1", &NoChip).marks(), Some(second));
}

#[test]
fn a_key_that_two_have_is_made_anew_and_one_that_is_unknown_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    for chip in [&Soft::default() as &dyn Chip, &NoChip] {
        let _ = std::fs::remove_file(folder.path().join("device-key"));
        let key = open(folder.path(), "S-1", chip);
        let before = public(&key);
        for why in [KeyRefused::Unknown, KeyRefused::Revoked] {
            key.reported(Exactly([5; 16]), &mut rng()).unwrap();
            key.refused(why, chip, &mut rng()).unwrap();
            assert_eq!((public(&key), key.device().unwrap().enrolled), (before, None));
        }
        key.refused(KeyRefused::Shared, chip, &mut rng()).unwrap();
        assert_ne!(public(&key), before);
        assert_eq!(open(folder.path(), "S-1", chip).device(), key.device());
        assert!(is_good(&key, chip));
    }
}

#[test]
fn a_cleared_chip_makes_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let chip = Soft::default();
    let first = open(folder.path(), "S-1", &chip);
    assert_eq!(first.kind(), Some(KeyKind::Tpm));
    first.reported(Exactly([5; 16]), &mut rng()).unwrap();
    // Another key, as after a change of the board.
    chip.make().unwrap();
    let second = DeviceKey::new(folder.path());
    assert_eq!(look(&second, "S-1", &chip).unwrap(), Looked::Made(Why::OtherChip));
    assert_ne!(public(&first), public(&second));
    assert_eq!(second.device().unwrap().enrolled, None);
    chip.forget().unwrap();
    let third = DeviceKey::new(folder.path());
    assert_eq!(look(&third, "S-1", &NoChip).unwrap(), Looked::Made(Why::OtherChip));
    assert_eq!(third.kind(), Some(KeyKind::Software));
}

#[test]
fn a_chip_that_does_not_answer_now_keeps_its_key_and_the_enrolment() {
    let folder = tempfile::tempdir().unwrap();
    let chip = Soft::default();
    let first = open(folder.path(), "S-1", &chip);
    first.reported(Exactly([5; 16]), &mut rng()).unwrap();
    let file = std::fs::read(folder.path().join("device-key")).unwrap();
    chip.away(true);
    let second = DeviceKey::new(folder.path());
    // However long it takes.
    for _ in 0..100 {
        assert!(matches!(look(&second, "S-1", &chip), Err(Trouble::Chip(ChipError::Away(_)))));
    }
    assert_eq!(second.device(), first.device(), "known, though it cannot be used");
    assert!(!is_good(&second, &chip), "nothing is signed meanwhile");
    assert!(second.refused(KeyRefused::Shared, &chip, &mut rng()).is_err());
    assert_eq!(std::fs::read(folder.path().join("device-key")).unwrap(), file);
    chip.away(false);
    assert!(is_good(&second, &chip));
    assert_eq!(look(&second, "S-1", &chip).unwrap(), Looked::There);
    assert_eq!(second.device(), first.device());
}

#[test]
fn a_chip_that_has_another_key_meanwhile_signs_nothing_in_the_old_ones_name() {
    let folder = tempfile::tempdir().unwrap();
    let chip = Soft::default();
    let key = open(folder.path(), "S-1", &chip);
    chip.make().unwrap();
    assert!(!is_good(&key, &chip));
    // Seen with the next report.
    assert_eq!(look(&key, "S-1", &chip).unwrap(), Looked::Made(Why::OtherChip));
    assert!(is_good(&key, &chip));
}

#[test]
fn a_first_key_waits_for_the_chip_for_a_while_and_then_does_without() {
    let folder = tempfile::tempdir().unwrap();
    let chip = Soft::default();
    chip.away(true);
    let key = DeviceKey::new(folder.path());
    for _ in 1..PATIENCE {
        assert!(look(&key, "S-1", &chip).is_err());
        assert_eq!(key.device(), None);
    }
    assert_eq!(look(&key, "S-1", &chip).unwrap(), Looked::Made(Why::First));
    assert_eq!(key.kind(), Some(KeyKind::Software));
    let quick = tempfile::tempdir().unwrap();
    let key = DeviceKey::new(quick.path());
    assert!(look(&key, "S-1", &chip).is_err());
    chip.away(false);
    assert_eq!(look(&key, "S-1", &chip).unwrap(), Looked::Made(Why::First));
    assert_eq!(key.kind(), Some(KeyKind::Tpm));
}

#[test]
fn a_disk_that_does_not_read_is_no_missing_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), "S-1", &NoChip);
    // Something that is there and cannot be read as a file.
    let (file, aside) = (folder.path().join("device-key"), folder.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    let second = DeviceKey::new(folder.path());
    assert!(matches!(look(&second, "S-1", &NoChip), Err(Trouble::Disk(_))));
    assert_eq!(second.device(), None);
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(look(&second, "S-1", &NoChip).unwrap(), Looked::There);
    assert_eq!(second.device(), first.device());
    // A file that is not what was written is another thing: its key is lost.
    std::fs::write(&file, "torn").unwrap();
    let third = DeviceKey::new(folder.path());
    assert_eq!(look(&third, "S-1", &NoChip).unwrap(), Looked::Made(Why::Damaged));
}

#[test]
fn a_machine_that_does_not_say_who_it_is_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), "S-1", &NoChip);
    let second = DeviceKey::new(folder.path());
    let unknown = second.look(Err(io::Error::other("too early")), &NoChip, &mut rng());
    assert!(matches!(unknown, Err(Trouble::Machine(_))));
    assert_eq!(look(&second, "S-1", &NoChip).unwrap(), Looked::There);
    assert_eq!(second.device(), first.device());
}

#[test]
fn a_key_in_a_file_leaves_none_of_before_in_the_chip() {
    let folder = tempfile::tempdir().unwrap();
    /// Makes no keys of this kind any more, but still has the old one.
    struct Older(Soft);
    impl Chip for Older {
        fn make(&self) -> Result<[u8; 65], ChipError> {
            Err(ChipError::NoChip)
        }
        fn public(&self) -> Result<[u8; 65], ChipError> {
            self.0.public()
        }
        fn sign(&self, public: &[u8; 65], bytes: &[u8]) -> Result<[u8; 64], ChipError> {
            self.0.sign(public, bytes)
        }
        fn forget(&self) -> Result<(), ChipError> {
            self.0.forget()
        }
    }
    let chip = Older(Soft::default());
    chip.0.make().unwrap();
    let key = open(folder.path(), "S-1", &chip);
    assert_eq!(key.kind(), Some(KeyKind::Software));
    assert!(matches!(chip.public(), Err(ChipError::NoKey)));
}
