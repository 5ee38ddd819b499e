//! # Hostile bytes
//!
//! Question: everything that comes from a network or a disk can be anything; does any of it do more than be refused?
//! One function for each parser takes any bytes and checks what must hold of them. Coverage-guided fuzzing looks for bytes that
//! break it, and the ordinary tests (`tests/protocol/fuzz.rs`) run the same functions over the kept corpora and some thousand
//! mutations of them. The stable toolchain will do, without a sanitiser: of unsafe code there is only SQLite.
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo fuzz run -s none frame /tmp/found fuzz/corpus/frame      what is found goes to the first directory
//! WRITE_SEEDS=1 cargo test --test protocol fuzz                  writes the seeds of all corpora again
//! ```

#[path = "../tests/protocol/people.rs"]
pub mod people;
pub mod targets;
