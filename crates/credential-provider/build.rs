//! How the DLL is linked: it gives away exactly the two functions that COM asks for, and needs
//! no library that is not in every Windows. Decides nothing else.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=provider.def");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "windows") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        // The linker would give away every symbol there is.
        println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-all-symbols");
        println!("cargo::rustc-cdylib-link-arg={folder}/provider.def");
        // LogonUI finds no library beside ours.
        println!("cargo::rustc-cdylib-link-arg=-static");
        println!("cargo::rustc-cdylib-link-arg=-static-libgcc");
    }
}
