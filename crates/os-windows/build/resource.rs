//! For the build scripts of our services: who made the program, and the table through which the
//! event viewer shows its events, whose whole text is their one string (docs/events.md has the
//! numbers). Build scripts take it in as a module; it is no part of this crate.

use std::{env, error::Error, fs, path::Path};

/// Compiles the resources of a program into it. `events` are the hundreds in which its events
/// have their numbers.
pub(crate) fn compile(description: &str, events: &[u32]) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../os-windows/build/resource.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return Ok(());
    }
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("events.bin"), message_table(events)?)?;
    let resource = format!(
        r#"
1 11 "{}"
1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904B0"
    BEGIN
      VALUE "ProductName", "Regain"
      VALUE "FileDescription", "{description}"
      VALUE "FileVersion", "{version}"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x0409, 0x04B0
  END
END
"#,
        out.join("events.bin").display().to_string().replace('\\', "\\\\"),
        numbers = format!("{},0", env!("CARGO_PKG_VERSION").replace('.', ",")),
        version = env!("CARGO_PKG_VERSION"),
    );
    let file = out.join("program.rc");
    fs::write(&file, resource)?;
    embed_resource::compile(&file, embed_resource::NONE).manifest_required()?;
    Ok(())
}

/// A resource of type RT_MESSAGETABLE (winnt.h: MESSAGE_RESOURCE_DATA).
fn message_table(events: &[u32]) -> Result<Vec<u8>, Box<dyn Error>> {
    const IN_BLOCK: u32 = 100;
    const UNICODE: u16 = 1;
    let mut text: Vec<u8> = "%1\r\n\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    text.resize(text.len().next_multiple_of(4), 0);
    let length = u16::try_from(4 + text.len())?;
    let entry = [&length.to_le_bytes()[..], &UNICODE.to_le_bytes(), &text].concat();
    let blocks = u32::try_from(events.len())?;
    let mut table = blocks.to_le_bytes().to_vec();
    for (at, &first) in (0_u32..).zip(events) {
        let offset = 4 + blocks * 12 + at * IN_BLOCK * u32::from(length);
        for number in [first, first + IN_BLOCK - 1, offset] {
            table.extend(number.to_le_bytes());
        }
    }
    for _ in 0..blocks * IN_BLOCK {
        table.extend(&entry);
    }
    Ok(table)
}
