//! Asks the processor to fetch memory that will be needed soon; knows nothing of what lies there.
//!
//! Looking a key up among millions waits for memory twice: for the bucket and for the element. Asked for in good time,
//! many of them are on their way at once, while the commands before them run.
#![expect(
    unsafe_code,
    reason = "the instruction is only to be had as an unsafe function, although it does nothing a program could notice"
)]

/// Asks for the line of memory in which `place` lies. No byte is read, so the address may be any.
#[inline(always)]
pub(crate) fn prefetch<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the instruction never faults and changes nothing but what the caches hold; SSE is part of x86_64.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: the instruction never faults and changes nothing but what the caches hold.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) place, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_read_wherever_it_would_be() {
        prefetch(std::ptr::null::<u64>());
        prefetch(std::ptr::without_provenance::<u8>(usize::MAX));
        let freed: *const u8 = Box::into_raw(Box::new(1));
        prefetch(freed);
        // SAFETY: it came from a box, which nobody else has.
        drop(unsafe { Box::from_raw(freed.cast_mut()) });
        prefetch(freed);
    }
}
