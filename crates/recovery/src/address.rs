//! Addresses on file, and whether they are a gate yet: what changed lately, or what a person
//! may have put there alone, is held for three days. Decided from a row and the clock.

use serde::{Deserialize, Serialize};

use crate::{Times, Timestamp};

/// Which address of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// The mailbox that codes go to.
    Email,
    /// The mobile phone.
    Mobile,
    /// The phone at the desk.
    Office,
}

impl AddressKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Email, Self::Mobile, Self::Office];

    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Mobile => "mobile",
            Self::Office => "office",
        }
    }
}

/// How an address came to be on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// With the first synchronisation, or before anybody had signed in to the account.
    First,
    /// Later, where there had been none.
    Added,
    /// In the place of another one.
    Changed,
}

impl Arrival {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Added => "added",
            Self::Changed => "changed",
        }
    }
}

/// An address of an account as it is on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address; none when there is none any more.
    pub value: Option<String>,
    /// Rises with each change: what was proved for one version is not proved for the next.
    pub version: i64,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// How it came.
    pub arrival: Arrival,
    /// Whether the account may write it itself. What is not known counts as if it may.
    pub self_written: bool,
    /// When an administrator let it count before its time.
    pub released_at: Option<Timestamp>,
    /// The last other one that counted: whom a change is announced to, and who need not wait
    /// again when it comes back.
    pub before: Option<String>,
}

/// What a directory says of an address, and of its account at that time.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The address.
    pub value: Option<&'a str>,
    /// Whether the account may write it itself, as far as that is known.
    pub self_written: Option<bool>,
    /// This directory was never read to its end before.
    pub is_first_reading: bool,
    /// Nobody has signed in to the account yet.
    pub never_signed_in: bool,
    /// When.
    pub now: Timestamp,
}

/// What a sighting comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Everything stands as it is on file.
    Same,
    /// To be stored.
    New(Address),
    /// To be stored, and to be told to the address that counted before.
    Announce {
        /// To be stored.
        address: Address,
        /// Whom to tell.
        to: String,
    },
}

impl Address {
    /// One that counts at once.
    pub fn first(value: &str, now: Timestamp) -> Self {
        Self {
            value: Some(value.to_owned()),
            version: 1,
            first_seen_at: now,
            arrival: Arrival::First,
            self_written: true,
            released_at: None,
            before: None,
        }
    }

    /// Whether it is a gate now.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.value.is_some() && self.held_until(now).is_none()
    }

    /// Until when it is held; `None` when it is not.
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = match self.arrival {
            Arrival::First => false,
            // Only somebody else can have put it there, for a person who had none.
            Arrival::Added => self.self_written,
            Arrival::Changed => true,
        };
        let until = self.first_seen_at.plus(Times::ADDRESS_HELD);
        let is_held = self.value.is_some() && waits && self.released_at.is_none() && now < until;
        is_held.then_some(until)
    }

    /// What a sighting makes of what is on file.
    pub fn see(known: Option<&Self>, sighting: &Sighting<'_>) -> Seen {
        match (known, sighting.value) {
            (None, None) => Seen::Same,
            (None, Some(value)) => Seen::New(Self::new(value, 1, Arrival::Added, sighting)),
            (Some(known), None) => known.gone(sighting.now),
            (Some(known), Some(value)) if known.is(value) => known.again(value, sighting),
            (Some(known), Some(value)) => known.replaced(value, sighting),
        }
    }

    fn new(value: &str, version: i64, arrival: Arrival, sighting: &Sighting<'_>) -> Self {
        let is_first = sighting.is_first_reading || sighting.never_signed_in;
        Self {
            value: Some(value.to_owned()),
            version,
            first_seen_at: sighting.now,
            arrival: if is_first { Arrival::First } else { arrival },
            self_written: sighting.self_written.unwrap_or(true),
            released_at: None,
            before: None,
        }
    }

    /// Letters of another size are no other address.
    fn is(&self, value: &str) -> bool {
        self.value.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(value))
    }

    fn gone(&self, now: Timestamp) -> Seen {
        if self.value.is_none() {
            return Seen::Same;
        }
        let mut gone = self.clone();
        gone.before = self.counted(now);
        gone.value = None;
        gone.version += 1;
        Seen::New(gone)
    }

    fn again(&self, value: &str, sighting: &Sighting<'_>) -> Seen {
        let mut again = self.clone();
        again.value = Some(value.to_owned());
        again.self_written = sighting.self_written.unwrap_or(self.self_written);
        if again == *self { Seen::Same } else { Seen::New(again) }
    }

    fn replaced(&self, value: &str, sighting: &Sighting<'_>) -> Seen {
        let counted = self.counted(sighting.now);
        // What was on file was the first sighting, whether or not that reading ever ended.
        let later = Sighting { is_first_reading: false, ..*sighting };
        let mut new = Self::new(value, self.version + 1, Arrival::Changed, &later);
        if !self.counts(sighting.now)
            && counted.as_ref().is_some_and(|before| before.eq_ignore_ascii_case(value))
        {
            // Back to the one that counted, and nothing has counted since.
            new.arrival = Arrival::First;
            return Seen::New(new);
        }
        new.before.clone_from(&counted);
        match counted {
            Some(to) if new.held_until(sighting.now).is_some() => {
                Seen::Announce { address: new, to }
            }
            Some(_) | None => Seen::New(new),
        }
    }

    /// The last one that counted: this one, or the one before it.
    pub fn counted(&self, now: Timestamp) -> Option<String> {
        if self.counts(now) { self.value.clone() } else { self.before.clone() }
    }
}

/// The mail domains of an organisation: whoever is locked out cannot read a mailbox there, so
/// an address in one is no gate unless the administrator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnMail {
    /// The domains; what lies below one is own too.
    pub domains: Vec<String>,
    /// The administrator says that they count.
    pub counts: bool,
}

impl OwnMail {
    /// Whether an address there may be a gate.
    pub fn admits(&self, address: &str) -> bool {
        self.counts || !self.is_own(address)
    }

    /// Whether an address is in one of the organisation's own domains.
    pub fn is_own(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let domain = domain.trim_end_matches('.').to_lowercase();
        self.domains.iter().any(|own| {
            let above = domain.strip_suffix(own.as_str());
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        })
    }

    /// The form in which a domain is kept; `None` when it is none.
    pub fn parse_domain(typed: &str) -> Option<String> {
        let domain = typed.trim().trim_start_matches('@').trim_end_matches('.').to_lowercase();
        let is_label = |label: &str| {
            let plain = |c: char| c.is_alphanumeric() || c == '-';
            (1..=63).contains(&label.len()) && label.chars().all(plain)
        };
        let whole = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label);
        whole.then_some(domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    const START: Timestamp = Timestamp(1_800_000_000_000_000);

    fn at(hours: i64) -> Timestamp {
        START.plus(Span::hours(hours))
    }

    /// A person who works here, whose address only administrators write.
    fn sighting(value: Option<&str>, hours: i64) -> Sighting<'_> {
        Sighting {
            value,
            self_written: Some(false),
            is_first_reading: false,
            never_signed_in: false,
            now: at(hours),
        }
    }

    fn stored(seen: Seen) -> Address {
        match seen {
            Seen::Same => panic!("nothing new"),
            Seen::New(address) | Seen::Announce { address, .. } => address,
        }
    }

    fn first() -> Address {
        let sighting = Sighting { is_first_reading: true, ..sighting(Some("a@x.example"), 0) };
        stored(Address::see(None, &sighting))
    }

    #[test]
    fn what_the_first_reading_finds_counts_at_once_whoever_wrote_it() {
        let found =
            Sighting { is_first_reading: true, self_written: None, ..sighting(Some("a@x"), 0) };
        assert!(stored(Address::see(None, &found)).counts(at(0)));
        let before =
            Sighting { never_signed_in: true, self_written: None, ..sighting(Some("a@x"), 0) };
        assert!(stored(Address::see(None, &before)).counts(at(0)));
    }

    #[test]
    fn one_that_the_account_may_have_added_itself_waits_three_days() {
        for (self_written, counts) in [(Some(false), true), (Some(true), false), (None, false)] {
            let added = Sighting { self_written, ..sighting(Some("a@x"), 0) };
            let added = stored(Address::see(None, &added));
            assert_eq!(added.counts(at(0)), counts, "{self_written:?}");
            assert_eq!(added.counts(at(71)), counts);
            assert!(added.counts(at(72)));
        }
    }

    #[test]
    fn a_change_waits_three_days_and_is_told_to_the_address_before() {
        let seen = Address::see(Some(&first()), &sighting(Some("b@x.example"), 10));
        let Seen::Announce { address, to } = seen else { panic!("{seen:?}") };
        assert_eq!((to.as_str(), address.version), ("a@x.example", 2));
        assert_eq!(address.held_until(at(81)), Some(at(82)));
        assert_eq!(address.held_until(at(82)), None);
        assert!(!address.counts(at(9)), "a clock that went back lets nothing in");
        let released = Address { released_at: Some(at(11)), ..address };
        assert!(released.counts(at(11)));
    }

    #[test]
    fn a_change_is_one_also_while_the_first_reading_has_not_come_to_its_end() {
        let again = Sighting { is_first_reading: true, ..sighting(Some("b@x.example"), 10) };
        let seen = Address::see(Some(&first()), &again);
        let Seen::Announce { address, to } = seen else { panic!("{seen:?}") };
        assert_eq!((to.as_str(), address.held_until(at(10))), ("a@x.example", Some(at(82))));
    }

    #[test]
    fn a_detour_over_none_or_over_another_one_does_not_shorten_the_wait() {
        let gone = stored(Address::see(Some(&first()), &sighting(None, 1)));
        assert!(!gone.counts(at(1)));
        let seen = Address::see(Some(&gone), &sighting(Some("b@x.example"), 2));
        let Seen::Announce { address: second, to } = seen else { panic!("{seen:?}") };
        assert_eq!(to, "a@x.example");
        let seen = Address::see(Some(&second), &sighting(Some("c@x.example"), 3));
        let Seen::Announce { address: third, to } = seen else { panic!("{seen:?}") };
        assert_eq!((to.as_str(), third.version), ("a@x.example", 4));
        assert!(!third.counts(at(74)) && third.counts(at(75)));
    }

    #[test]
    fn the_address_that_counted_comes_back_without_a_wait_but_as_another_version() {
        for between in [None, Some("b@x.example")] {
            let other = stored(Address::see(Some(&first()), &sighting(between, 1)));
            let back = Address::see(Some(&other), &sighting(Some("A@x.example"), 2));
            let Seen::New(back) = back else { panic!("{back:?}") };
            assert!(back.counts(at(2)));
            assert_eq!(back.version, 3);
        }
        let second = stored(Address::see(Some(&first()), &sighting(Some("b@x.example"), 1)));
        let back = Address::see(Some(&second), &sighting(Some("a@x.example"), 74));
        assert!(matches!(back, Seen::Announce { to, .. } if to == "b@x.example"), "b counted");
    }

    #[test]
    fn what_stays_the_same_is_not_stored_and_letters_make_no_other_address() {
        assert_eq!(Address::see(Some(&first()), &sighting(Some("a@x.example"), 5)), Seen::Same);
        let seen = Address::see(Some(&first()), &sighting(Some("A@x.example"), 5));
        let Seen::New(address) = seen else { panic!("{seen:?}") };
        assert!(address.counts(at(5)));
        assert_eq!(address.version, 1);
        assert_eq!(Address::see(None, &sighting(None, 5)), Seen::Same);
    }

    #[test]
    fn the_own_domains_and_what_is_below_them_are_own() {
        let own = OwnMail { domains: vec!["example.org".to_owned()], counts: false };
        for address in ["anna@example.org", "anna@Mail.Example.ORG", "anna@example.org."] {
            assert!(own.is_own(address) && !own.admits(address), "{address}");
        }
        for address in ["anna@myexample.org", "anna@example.org.test", "anna@gmail.example", "x"] {
            assert!(own.admits(address), "{address}");
        }
        assert!(OwnMail { counts: true, ..own }.admits("anna@example.org"));
        assert_eq!(OwnMail::parse_domain(" @Example.org. ").as_deref(), Some("example.org"));
        for no_domain in ["", "example", "a b.org", "a..org", "a@b.org"] {
            assert_eq!(OwnMail::parse_domain(no_domain), None, "{no_domain}");
        }
    }
}
