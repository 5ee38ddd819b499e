//! The protocol, from outside: vectors of others and our own, what must agree, what must be refused, what a thief gets.

#[cfg(test)]
mod protocol {
    mod people;

    mod bounds;
    mod bundles;
    mod handshake;
    mod inside;
    mod sessions;
    mod tamper;
    mod theft;
    mod vectors;
}
