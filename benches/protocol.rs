//! `cargo bench --bench protocol`: the protocol beside its bare primitives. With a peer: see `peers/`.

mod ends;
mod measure;

fn main() {
    ends::run(None, std::env::args().any(|arg| arg == "--quick"));
}
