package pdf

// UnpackedFonts is how many fonts are in memory.
func (e *Engine) UnpackedFonts() int { return len(e.fonts.unpacked) }

// ForgetFonts frees that memory.
func (e *Engine) ForgetFonts() { clear(e.fonts.unpacked) }
