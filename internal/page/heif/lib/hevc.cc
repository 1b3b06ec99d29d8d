#include <stdint.h>
#include <stdlib.h>
#include "de265.h"

/* decode decodes the first picture of a sequence of NAL units, each after its length in four bytes, and describes it in out:
 * width, height, sampling (0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4), bits a sample of luma and of chroma, full range, matrix
 * coefficients, bytes a row of luma and of chroma, and where the three planes are. Returns 0, or libde265's error.
 * It is called once: what it allocates stays until the instance ends. */
extern "C" __attribute__((export_name("decode")))
int decode(const uint8_t *in, uint32_t size, uint32_t *out) {
    de265_decoder_context *c = de265_new_decoder();
    if (!c)
        return DE265_ERROR_OUT_OF_MEMORY;
    while (size >= 4) {
        uint32_t n = (uint32_t)in[0] << 24 | in[1] << 16 | in[2] << 8 | in[3];
        in += 4, size -= 4;
        if (n > size)
            return DE265_ERROR_CODED_PARAMETER_OUT_OF_RANGE;
        de265_error err = de265_push_NAL(c, in, n, 0, 0);
        if (err != DE265_OK)
            return err;
        in += n, size -= n;
    }
    de265_error err = de265_flush_data(c);
    const de265_image *img = 0;
    int more = 1;
    while (err == DE265_OK && more && !img) {
        err = de265_decode(c, &more);
        img = de265_get_next_picture(c);
    }
    if (!img)
        return err == DE265_OK ? DE265_ERROR_CODED_PARAMETER_OUT_OF_RANGE : err;
    out[0] = de265_get_image_width(img, 0);
    out[1] = de265_get_image_height(img, 0);
    out[2] = de265_get_chroma_format(img);
    out[3] = de265_get_bits_per_pixel(img, 0);
    out[4] = out[2] ? de265_get_bits_per_pixel(img, 1) : 0;
    out[5] = de265_get_image_full_range_flag(img);
    out[6] = de265_get_image_matrix_coefficients(img);
    int stride[3] = {0, 0, 0};
    for (int i = 0; i < (out[2] ? 3 : 1); i++)
        out[9 + i] = (uint32_t)de265_get_image_plane(img, i, &stride[i]);
    out[7] = stride[0];
    out[8] = stride[1];
    return 0;
}
