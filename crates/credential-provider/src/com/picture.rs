//! The tile's picture: bare pixels of one size, ours or the tenant's. Nothing is parsed.

use std::{ffi::c_void, fs::File, io::Read as _};

use protocol::host::tile::{FOLDER, PICTURES, Picture};
use windows::{
    Win32::{
        Foundation::E_OUTOFMEMORY,
        Graphics::Gdi::{
            BI_RGB, BITMAPINFO, BITMAPINFOHEADER, CreateDIBSection, DIB_RGB_COLORS, DeleteObject,
            HBITMAP,
        },
    },
    core::Result,
};

use super::system;

/// The product's own: `icons/128x128.png` as pixels.
static OWN: &[u8; Picture::BYTES] = include_bytes!("../../picture.bgra");

/// The picture; our own where there is no other or it cannot be read. The screen frees it.
pub(super) fn of(picture: Option<&Picture>) -> Result<HBITMAP> {
    match picture.and_then(read) {
        Some(pixels) => bitmap(&pixels),
        None => bitmap(OWN),
    }
}

/// Of a folder that only the system and administrators write.
fn read(picture: &Picture) -> Option<Vec<u8>> {
    let path = system::program_data()?.join(FOLDER).join(PICTURES).join(picture.file_name());
    let mut pixels = Vec::with_capacity(Picture::BYTES);
    let most = u64::try_from(Picture::BYTES).ok()? + 1;
    File::open(path).ok()?.take(most).read_to_end(&mut pixels).ok()?;
    (pixels.len() == Picture::BYTES).then_some(pixels)
}

fn bitmap(pixels: &[u8]) -> Result<HBITMAP> {
    let side = i32::from(Picture::SIDE);
    let format = BITMAPINFO {
        bmiHeader: BITMAPINFOHEADER {
            biSize: u32::try_from(size_of::<BITMAPINFOHEADER>()).unwrap_or_default(),
            biWidth: side,
            // Rows from top to bottom.
            biHeight: -side,
            biPlanes: 1,
            biBitCount: 32,
            biCompression: BI_RGB.0,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut room: *mut c_void = std::ptr::null_mut();
    // SAFETY: the format is whole; Windows writes one pointer, to room that the bitmap owns.
    let bitmap = unsafe {
        CreateDIBSection(None, &raw const format, DIB_RGB_COLORS, &raw mut room, None, 0)
    }?;
    if room.is_null() || pixels.len() != Picture::BYTES {
        // SAFETY: just made, and nobody else knows it.
        let _ = unsafe { DeleteObject(bitmap.into()) };
        return Err(E_OUTOFMEMORY.into());
    }
    // SAFETY: the room is of the format's size, which was compared, and nobody else's.
    unsafe { std::ptr::copy_nonoverlapping(pixels.as_ptr(), room.cast(), pixels.len()) };
    Ok(bitmap)
}
