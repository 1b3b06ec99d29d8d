package pagetest

import (
	"bytes"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
)

// padding extends passwords in a PDF.
const padding = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// Locked returns an encrypted PDF of one page (revision 2). It opens with the password, which is empty in files that
// only forbid printing.
func Locked(password string, page PDFPage) []byte {
	const id, owner, permissions = "0123456789abcdef", "the owner's entry is not looked at", -4
	sum := md5.New()
	sum.Write([]byte((password + padding)[:32] + owner[:32]))
	_ = binary.Write(sum, binary.LittleEndian, int32(permissions))
	sum.Write([]byte(id))
	key := sum.Sum(nil)[:5]
	content := crypt(objectKey(key, 5), []byte(page.Content))
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
			page.Width, page.Height),
		Stream("", content)}
	return file(objects, fmt.Sprintf("/ID [<%x> <%x>] /Encrypt << /Filter /Standard /V 1 /R 2 /P %d /O <%x> /U <%x> >>",
		id, id, permissions, owner[:32], crypt(key, []byte(padding))))
}

// objectKey returns the key of an object's streams.
func objectKey(key []byte, number byte) []byte {
	sum := md5.Sum(append(append([]byte(nil), key...), number, 0, 0, 0, 0))
	return sum[:len(key)+5]
}

func crypt(key, b []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(b))
	c.XORKeyStream(out, b)
	return out
}

// LockedAttachments returns a PDF of one page that declares its attachments as encrypted, and a filter for its content
// ("Identity": not encrypted). Its password is unknown.
func LockedAttachments(content string, page PDFPage) []byte {
	b := PDF("", []PDFPage{page})
	filters := fmt.Sprintf(
		"/CF << /StdCF << /AuthEvent /EFOpen /CFM /AESV2 /Length 16 >> >> /EFF /StdCF /StmF /%s /StrF /%s", content,
		content)
	encrypt := fmt.Sprintf("trailer\n<< /ID [<00> <00>] /Encrypt << /Filter /Standard /V 4 /R 4 /Length 128 /P -4 /O <%x> /U <%x> %s >>",
		padding, padding, filters)
	return bytes.Replace(b, []byte("trailer\n<<"), []byte(encrypt), 1)
}

// Headless returns a PDF of one page with other bytes in place of its first line.
func Headless(front string, page PDFPage) []byte {
	return bytes.Replace(PDF("", []PDFPage{page}), []byte("%PDF-1.7\n"), []byte(front), 1)
}
