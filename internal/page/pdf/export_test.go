package pdf

// UnpackedFonts returns the number of fonts in memory.
func (e *Engine) UnpackedFonts() int { return len(e.fonts.unpacked) }

// ForgetFonts frees that memory.
func (e *Engine) ForgetFonts() { clear(e.fonts.unpacked) }

// LostJBIG2 is lostJBIG2.
func LostJBIG2(b []byte) bool { return lostJBIG2(b) }
