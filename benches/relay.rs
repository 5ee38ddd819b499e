//! `cargo bench --bench relay`: the relay and the bare disk. With a peer: see `peers/`.

mod measure;
mod middle;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [serve, dir] if serve == "serve" => middle::server::serve(Path::new(dir)),
        _ => middle::run(None, args.iter().any(|arg| arg == "--quick")),
    }
}
