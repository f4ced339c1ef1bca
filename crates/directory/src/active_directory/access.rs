//! Who may do what: an object's access list (MS-DTYP 2.4), read for two questions: whether our
//! own logon holds a right on it or on what is below it, and whether somebody may write an
//! attribute.

/// Bit of an access mask: an extended right, named by the entry's object type.
const CONTROL_ACCESS: u32 = 0x100;
const GENERIC_ALL: u32 = 0x1000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
/// Writing an attribute, named by the entry's object type or its property set.
const WRITE_PROPERTY: u32 = 0x20;
/// Writing the access list itself, or becoming its owner, who may.
const WRITE_ACCESS: u32 = 0x4_0000 | 0x8_0000;
/// The entry is handed down to containers, which accounts are, too.
const CONTAINER_INHERIT: u8 = 0x2;
/// The entry is only handed down, it does not count here.
const INHERIT_ONLY: u8 = 0x8;
/// The entry came from above.
const INHERITED: u8 = 0x10;

/// Reset-Password, 00299570-246d-11d0-a768-00aa006e0529.
pub(super) const RESET_PASSWORD: [u8; 16] = [
    0x70, 0x95, 0x29, 0x00, 0x6d, 0x24, 0xd0, 0x11, 0xa7, 0x68, 0x00, 0xaa, 0x00, 0x6e, 0x05, 0x29,
];
/// Change-Password, ab721a53-1e2f-11d0-9819-00aa0040529b.
pub(super) const CHANGE_PASSWORD: [u8; 16] = [
    0x53, 0x1a, 0x72, 0xab, 0x2f, 0x1e, 0xd0, 0x11, 0x98, 0x19, 0x00, 0xaa, 0x00, 0x40, 0x52, 0x9b,
];
/// Unexpire-Password, ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501.
pub(super) const UNEXPIRE_PASSWORD: [u8; 16] = [
    0x7d, 0xdc, 0xc2, 0xcc, 0xad, 0xa6, 0x7a, 0x4a, 0x88, 0x46, 0xc0, 0x4e, 0x3c, 0xc5, 0x35, 0x01,
];

/// Whether somebody with these SIDs holds the extended right. The first entry that speaks of it
/// decides, as on the server. A descriptor that cannot be read grants nothing.
pub(super) fn grants(descriptor: &[u8], own_sids: &[Vec<u8>], right: &[u8; 16]) -> bool {
    AccessList::read(descriptor).allows(own_sids, &Wanted::extended(right))
}

/// A right that somebody may hold: a bit of the access mask, and what it is about.
pub(super) struct Wanted {
    mask: u32,
    /// The extended right or the attribute, and the set that the attribute is in. Empty: all.
    about: Vec<[u8; 16]>,
}

impl Wanted {
    const READ_PROPERTY: u32 = 0x10;

    /// An extended right.
    pub(super) fn extended(right: &[u8; 16]) -> Self {
        Self { mask: CONTROL_ACCESS, about: vec![*right] }
    }

    /// Writing an attribute, named itself or by one of its sets.
    pub(super) fn writing(about: Vec<[u8; 16]>) -> Self {
        Self { mask: WRITE_PROPERTY, about }
    }

    /// Reading every attribute.
    pub(super) fn reading() -> Self {
        Self { mask: Self::READ_PROPERTY, about: Vec::new() }
    }
}

/// Who may do what to an object and what is below it.
#[derive(Default)]
pub(super) struct AccessList<'a> {
    entries: Vec<AccessEntry<'a>>,
    /// Whether nothing is inherited from above.
    pub(super) is_protected: bool,
}

impl<'a> AccessList<'a> {
    /// Reads a descriptor; one that cannot be read grants nothing.
    pub(super) fn read(descriptor: &'a [u8]) -> Self {
        /// SE_DACL_PROTECTED of the control word.
        const PROTECTED: u16 = 0x1000;
        Self {
            entries: entries(descriptor).unwrap_or_default(),
            is_protected: u16_at(descriptor, 2).is_some_and(|control| control & PROTECTED != 0),
        }
    }

    /// Whether somebody with these SIDs holds the right on the object itself.
    pub(super) fn allows(&self, own_sids: &[Vec<u8>], wanted: &Wanted) -> bool {
        self.decides(own_sids, wanted, |entry| entry.flags & INHERIT_ONLY == 0)
    }

    /// Whether somebody with these SIDs holds the right on the objects of this class below it,
    /// as far as they inherit.
    pub(super) fn hands_down(
        &self,
        own_sids: &[Vec<u8>],
        wanted: &Wanted,
        class: &[u8; 16],
    ) -> bool {
        self.decides(own_sids, wanted, |entry| entry.is_handed_to(class))
    }

    /// The same, said here and not above.
    pub(super) fn begins_to_hand_down(
        &self,
        own_sids: &[Vec<u8>],
        wanted: &Wanted,
        class: &[u8; 16],
    ) -> bool {
        self.decides(own_sids, wanted, |entry| {
            entry.flags & INHERITED == 0 && entry.is_handed_to(class)
        })
    }

    fn decides(
        &self,
        own_sids: &[Vec<u8>],
        wanted: &Wanted,
        counts: impl Fn(&AccessEntry<'_>) -> bool,
    ) -> bool {
        let first =
            self.entries.iter().find(|entry| counts(entry) && entry.speaks_of(own_sids, wanted));
        first.is_some_and(|entry| entry.allows)
    }
}

/// Whether somebody with these SIDs may write an attribute that is known by these (its own and
/// its property set's), directly or by changing the access list first. `None` when the
/// descriptor cannot be read.
pub(super) fn may_write(
    descriptor: &[u8],
    sids: &[Vec<u8>],
    known_by: &[[u8; 16]],
) -> Option<bool> {
    let entries = entries(descriptor)?;
    let theirs = |entry: &&AccessEntry<'_>| {
        entry.flags & INHERIT_ONLY == 0 && sids.iter().any(|sid| sid == entry.sid)
    };
    let first = |mask: u32, is_meant: &dyn Fn(&AccessEntry<'_>) -> bool| {
        let mut of_them = entries.iter().filter(theirs);
        of_them.find(|entry| entry.mask & mask != 0 && is_meant(entry)).is_some_and(|e| e.allows)
    };
    let owner = usize::try_from(u32_at(descriptor, 4)?).ok().filter(|&at| at > 0);
    let is_owner = owner
        .and_then(|at| descriptor.get(at..))
        .is_some_and(|from| sids.iter().any(|sid| from.starts_with(sid)));
    let of_attribute = |entry: &AccessEntry<'_>| {
        entry.object.is_none_or(|object| known_by.iter().any(|known| known == object))
    };
    Some(
        is_owner
            || first(WRITE_PROPERTY | GENERIC_WRITE | GENERIC_ALL, &of_attribute)
            || first(WRITE_ACCESS | GENERIC_ALL, &|_| true),
    )
}

struct AccessEntry<'a> {
    allows: bool,
    flags: u8,
    mask: u32,
    object: Option<&'a [u8]>,
    /// The only class of objects that inherit it.
    inherited_by: Option<&'a [u8]>,
    sid: &'a [u8],
}

impl AccessEntry<'_> {
    fn speaks_of(&self, own_sids: &[Vec<u8>], wanted: &Wanted) -> bool {
        let is_about = |object: &[u8]| wanted.about.iter().any(|about| about.as_slice() == object);
        self.mask & (wanted.mask | GENERIC_ALL) != 0
            && self.object.is_none_or(is_about)
            && own_sids.iter().any(|own| own == self.sid)
    }

    fn is_handed_to(&self, class: &[u8; 16]) -> bool {
        self.flags & CONTAINER_INHERIT != 0 && self.inherited_by.is_none_or(|only| only == class)
    }
}

fn entries(descriptor: &[u8]) -> Option<Vec<AccessEntry<'_>>> {
    let list = descriptor.get(usize::try_from(u32_at(descriptor, 16)?).ok()?..)?;
    let count = u16_at(list, 4)?;
    let mut rest = list.get(8..)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let size = usize::from(u16_at(rest, 2)?);
        if size < 8 {
            return None;
        }
        entries.extend(entry(rest.get(..size)?));
        rest = rest.get(size..)?;
    }
    Some(entries)
}

/// An entry of the four kinds that grant or deny; others do not matter here.
fn entry(bytes: &[u8]) -> Option<AccessEntry<'_>> {
    let (kind, flags, mask) = (*bytes.first()?, *bytes.get(1)?, u32_at(bytes, 4)?);
    let (object, inherited_by, sid) = match kind {
        0 | 1 => (None, None, bytes.get(8..)?),
        5 | 6 => {
            let present = u32_at(bytes, 8)?;
            let (has_object, has_class) = (present & 1 != 0, present & 2 != 0);
            let class_at = 12 + 16 * usize::from(has_object);
            let sid_at = class_at + 16 * usize::from(has_class);
            let object = has_object.then(|| bytes.get(12..28)).flatten();
            let class = has_class.then(|| bytes.get(class_at..class_at + 16)).flatten();
            (object, class, bytes.get(sid_at..)?)
        }
        _ => return None,
    };
    Some(AccessEntry { allows: matches!(kind, 0 | 5), flags, mask, object, inherited_by, sid })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: [u8; 4] = [1, 1, 1, 1];
    const OTHERS: [u8; 4] = [2, 2, 2, 2];

    fn object_entry(kind: u8, flags: u8, mask: u32, object: &[u8; 16], sid: [u8; 4]) -> Vec<u8> {
        let body = [&mask.to_le_bytes()[..], &1_u32.to_le_bytes(), object, &sid].concat();
        let size = u16::try_from(4 + body.len()).unwrap().to_le_bytes();
        [&[kind, flags][..], &size, &body].concat()
    }

    fn descriptor(entries: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let mut bytes = vec![0; 16];
        bytes.extend(20_u32.to_le_bytes());
        bytes.extend([4, 0, 0, 0]);
        bytes.extend(count);
        bytes.extend([0, 0]);
        bytes.extend(entries.concat());
        bytes
    }

    fn granted(entries: &[Vec<u8>]) -> bool {
        grants(&descriptor(entries), &[US.to_vec()], &RESET_PASSWORD)
    }

    #[test]
    fn only_an_effective_entry_for_us_and_this_right_grants_it() {
        let allow = |flags, object, sid| object_entry(5, flags, CONTROL_ACCESS, object, sid);
        assert!(granted(&[allow(0, &RESET_PASSWORD, US)]));
        assert!(granted(&[allow(0x10, &RESET_PASSWORD, US)]), "inherited");
        assert!(!granted(&[allow(INHERIT_ONLY, &RESET_PASSWORD, US)]));
        assert!(!granted(&[allow(0, &UNEXPIRE_PASSWORD, US)]));
        assert!(!granted(&[allow(0, &RESET_PASSWORD, OTHERS)]));
        assert!(
            !granted(&[object_entry(5, 0, 0x20, &RESET_PASSWORD, US)]),
            "another kind of right"
        );
        assert!(!granted(&[]));
    }

    #[test]
    fn a_right_to_write_comes_by_attribute_by_property_set_or_by_the_list_itself() {
        let (attribute, set, other) = ([1; 16], [2; 16], [3; 16]);
        let may = |entries: &[Vec<u8>]| {
            may_write(&descriptor(entries), &[US.to_vec()], &[attribute, set]).unwrap()
        };
        let allow = |mask, object: &[u8; 16], sid| object_entry(5, 0, mask, object, sid);
        assert!(may(&[allow(WRITE_PROPERTY, &attribute, US)]));
        assert!(may(&[allow(WRITE_PROPERTY, &set, US)]));
        assert!(may(&[allow(0x4_0000, &other, US)]), "may change the list");
        assert!(!may(&[allow(WRITE_PROPERTY, &other, US)]));
        assert!(!may(&[allow(WRITE_PROPERTY, &attribute, OTHERS)]));
        assert!(!may(&[allow(0x10, &attribute, US)]), "reading is not writing");
        assert!(!may(&[object_entry(5, INHERIT_ONLY, WRITE_PROPERTY, &attribute, US)]));
        let deny = object_entry(6, 0, WRITE_PROPERTY, &attribute, US);
        assert!(!may(&[deny, allow(WRITE_PROPERTY, &set, US)]), "an earlier denial wins");
        assert!(!may(&[]));

        let mut owned = descriptor(&[]);
        let end = u32::try_from(owned.len()).unwrap().to_le_bytes();
        owned[4..8].copy_from_slice(&end);
        owned.extend(US);
        assert_eq!(may_write(&owned, &[US.to_vec()], &[attribute]), Some(true));
        assert_eq!(may_write(&owned, &[OTHERS.to_vec()], &[attribute]), Some(false));
        assert_eq!(may_write(&[1, 2, 3], &[US.to_vec()], &[attribute]), None);
    }

    #[test]
    fn what_is_handed_down_is_told_apart_from_what_counts_here() {
        const USER: [u8; 16] = [7; 16];
        let wanted = Wanted::extended(&RESET_PASSWORD);
        let handed = |flags| object_entry(5, flags, CONTROL_ACCESS, &RESET_PASSWORD, US);
        let hands_down = |entry: Vec<u8>| {
            let descriptor = descriptor(&[entry]);
            let list = AccessList::read(&descriptor);
            let sids = [US.to_vec()];
            (
                list.hands_down(&sids, &wanted, &USER),
                list.begins_to_hand_down(&sids, &wanted, &USER),
                list.allows(&sids, &wanted),
            )
        };
        assert_eq!(hands_down(handed(0)), (false, false, true));
        assert_eq!(hands_down(handed(CONTAINER_INHERIT)), (true, true, true));
        assert_eq!(hands_down(handed(CONTAINER_INHERIT | INHERIT_ONLY)), (true, true, false));
        assert_eq!(hands_down(handed(CONTAINER_INHERIT | INHERITED)), (true, false, true));
        // Handed down to another class only.
        let flags = CONTAINER_INHERIT | INHERIT_ONLY;
        let body = [
            &CONTROL_ACCESS.to_le_bytes()[..],
            &3_u32.to_le_bytes(),
            &RESET_PASSWORD,
            &[9; 16],
            &US,
        ]
        .concat();
        let size = u16::try_from(4 + body.len()).unwrap().to_le_bytes();
        let other_class = [&[5, flags][..], &size, &body].concat();
        assert_eq!(hands_down(other_class), (false, false, false));
    }

    #[test]
    fn switched_off_inheritance_is_seen() {
        let mut bytes = descriptor(&[]);
        assert!(!AccessList::read(&bytes).is_protected);
        bytes[2..4].copy_from_slice(&0x9004_u16.to_le_bytes());
        assert!(AccessList::read(&bytes).is_protected);
        assert!(!AccessList::read(&[]).is_protected);
    }

    #[test]
    fn an_earlier_denial_wins() {
        let deny = object_entry(6, 0, CONTROL_ACCESS, &RESET_PASSWORD, US);
        let allow = object_entry(5, 0, CONTROL_ACCESS, &RESET_PASSWORD, US);
        assert!(!granted(&[deny.clone(), allow.clone()]));
        assert!(granted(&[allow, deny]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_descriptor_or_none(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let _ = grants(&bytes, &[US.to_vec()], &RESET_PASSWORD);
            let _ = may_write(&bytes, &[US.to_vec()], &[RESET_PASSWORD]);
        }
    }
}
