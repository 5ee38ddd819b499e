//! Comparing safety numbers: is what they show you the number that you have?
//!
//! Question: the relay handed out the keys; how do two people find out that it handed out the right ones?
//! Both compute one number from both identities and compare it where the relay has no say. What is compared is pasted, or shown as a QR
//! code that says whose it is; so a number of the wrong conversation is told from one that differs.
//!
//! ```text
//! blindrelay:alice:bob:123451234512345…    names in order, then 60 digits: the same text at both ends
//! ```

use super::{Messenger, Result};
use crate::wire::UserId;

/// Digits of a safety number.
const DIGITS: usize = 60;

/// What a comparison has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same: nobody stands between. It is on record, unless their key has changed and is to be decided on first.
    Same,
    /// Another number for the same two people: one of them has a wrong key of the other. The mark of an earlier comparison is gone.
    Differs,
    /// The number of two others, or of me with another person. Nothing was changed.
    Of(UserId, UserId),
    /// Neither 60 digits nor the text of a code. Nothing was changed.
    Unreadable,
    /// No key of theirs is on record: there is nothing to compare with.
    NoKey,
}

impl Messenger {
    /// The text of the code to show to this peer, 64 + 12 bytes and both names; none while no key of theirs is known.
    ///
    /// # Errors
    /// [`super::MessengerError::Vault`].
    pub fn card(&self, peer: &UserId) -> Result<Option<String>> {
        let (first, second) = if self.id() < peer { (self.id(), peer) } else { (peer, self.id()) };
        let number = self.safety_number(peer)?;
        Ok(number.map(|number| format!("blindrelay:{first}:{second}:{}", number.digits())))
    }

    /// Compares what the peer has shown: 60 digits, spaces and line ends aside, or the text of a [`Messenger::card`].
    ///
    /// # Errors
    /// [`super::MessengerError::Vault`].
    pub fn compare(&mut self, peer: &UserId, shown: &str) -> Result<Comparison> {
        let Some(mine) = self.safety_number(peer)?.map(|number| number.digits()) else { return Ok(Comparison::NoKey) };
        let Some((names, digits)) = read(shown) else { return Ok(Comparison::Unreadable) };
        if let Some((first, second)) = names.filter(|(a, b)| ![(a, b), (b, a)].contains(&(self.id(), peer))) {
            return Ok(Comparison::Of(first, second));
        }
        if digits != mine {
            for other in self.rows().contacts()?.into_iter().filter(|contact| contact.peer != *peer) {
                if other.safety_number(self.me.statement()).is_some_and(|number| number.digits() == digits) {
                    return Ok(Comparison::Of(self.id().clone(), other.peer));
                }
            }
        }
        self.set_verified(peer, digits == mine)?;
        Ok(if digits == mine { Comparison::Same } else { Comparison::Differs })
    }
}

/// The names, if it says any, and the digits.
fn read(shown: &str) -> Option<(Option<(UserId, UserId)>, String)> {
    let shown: String = shown.split_whitespace().collect();
    let mut parts = shown.split(':');
    let (names, digits) = match (parts.next()?, parts.next(), parts.next(), parts.next(), parts.next()) {
        ("blindrelay", Some(first), Some(second), Some(digits), None) => {
            (Some((first.parse().ok()?, second.parse().ok()?)), digits)
        }
        (digits, None, ..) => (None, digits),
        _ => return None,
    };
    (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| (names, digits.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_with_and_without_names_and_nothing_else_is() {
        let digits = "0123456789".repeat(6);
        let spaced: String =
            digits.as_bytes().chunks(5).map(|five| format!("{} \n", String::from_utf8_lossy(five))).collect();
        assert_eq!(read(&spaced), Some((None, digits.clone())));
        let names = ("alice".parse().unwrap(), "bob".parse().unwrap());
        assert_eq!(read(&format!("blindrelay:alice:bob:{digits}\n")), Some((Some(names), digits.clone())));
        for bad in
            ["", "12345", &digits[1..], &format!("{digits}0"), &digits.replace('0', "٠"), "blindrelay:alice:bob:1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in [
            format!("blindrelay:Al:bob:{digits}"),
            format!("other:alice:bob:{digits}"),
            format!("blindrelay:a:b:{digits}:"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }
}
