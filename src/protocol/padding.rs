//! Padding: the relay sees a size, so let the size say little.
//!
//! A text is filled up to 512 bytes, or 1, 2, 4, … 128 KiB, with `0x80` and then zeros. "yes" and "no" and
//! a paragraph are all 512. What remains visible is the bucket. Nothing is ever compressed: then the
//! size would depend on what is said. Source: ISO/IEC 7816-4 padding.

use super::params::{PAD_MAX, PAD_MIN};

/// The padded size for `length` bytes: the smallest bucket that also holds the `0x80`. It depends on the length
/// alone. None beyond 128 KiB.
#[must_use]
pub fn padded_len(length: usize) -> Option<usize> {
    let bucket = length.checked_add(1)?.checked_next_power_of_two()?.max(PAD_MIN);
    (bucket <= PAD_MAX).then_some(bucket)
}

/// Fills up to [`padded_len`]. None beyond 128 KiB.
#[must_use]
pub fn pad(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let bucket = padded_len(text.len())?;
    text.push(0x80);
    text.resize(bucket, 0);
    Some(text)
}

/// Cuts the padding off. None if there is none.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let mark = padded.iter().rposition(|&byte| byte != 0)?;
    (padded[mark] == 0x80).then(|| &padded[..mark])
}
