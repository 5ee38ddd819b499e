//! # The program from outside: real processes, real sockets, real files
//!
//! Question: does what a person types at two terminals work, whatever is killed, mistyped, full, damaged or hostile?
//! Every test starts the program itself in a home of its own on a free port, or speaks to its relay with a bare WebSocket, and
//! looks at what is printed, stored and left behind. Where something must *not* be found, the same search must
//! find it in open mode.
#![cfg(all(feature = "ends", feature = "relay"))]
#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod processes {
    mod ads;
    mod agreements;
    mod attacks;
    mod bad_input;
    mod cases;
    mod chats;
    mod company;
    mod comparing;
    mod crashes;
    mod desk;
    mod disk;
    mod disks;
    mod doubt;
    mod exercises;
    mod flips;
    mod floods;
    mod full;
    mod harness;
    mod hostile;
    mod keeping;
    mod ledger;
    mod limits;
    mod listed;
    mod load;
    mod pair;
    mod partner;
    mod power;
    mod program;
    mod raw;
    mod recommend;
    mod relays;
    mod reporting;
    mod scripts;
    mod sockets;
    mod steps;
    mod tampering;
    mod terminals;
    mod tracer;
    mod trust;
    mod vaults;
    mod watching;
}
