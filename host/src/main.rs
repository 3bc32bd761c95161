//! The `greenroom` program.

fn main() -> std::process::ExitCode {
    greenroom_host::cli::main()
}
