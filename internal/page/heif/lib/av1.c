#include <stdint.h>
#include <stdlib.h>
#include "dav1d/dav1d.h"

static void borrowed(const uint8_t *data, void *cookie) {}

/* decode decodes the first picture that a stream shows and describes it in out:
 * width, height, sampling (0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4), bits a sample, full range, matrix coefficients,
 * bytes a row of luma and of chroma, and where the three planes are. Returns 0, or dav1d's negative error.
 * It is called once: what it allocates stays until the instance ends. */
__attribute__((export_name("decode")))
int decode(const uint8_t *in, size_t size, uint32_t *out) {
    Dav1dSettings s;
    Dav1dContext *c;
    Dav1dData data = {0};
    Dav1dPicture p = {0};
    int err;

    dav1d_default_settings(&s);
    s.n_threads = 1;
    s.max_frame_delay = 1;
    s.all_layers = 0;
    if ((err = dav1d_open(&c, &s)) < 0)
        return err;
    if ((err = dav1d_data_wrap(&data, in, size, borrowed, NULL)) < 0)
        return err;
    do {
        if (data.sz && (err = dav1d_send_data(c, &data)) < 0 && err != DAV1D_ERR(EAGAIN))
            return err;
        err = dav1d_get_picture(c, &p);
    } while (err == DAV1D_ERR(EAGAIN) && data.sz);
    if (err < 0)
        return err;
    out[0] = p.p.w;
    out[1] = p.p.h;
    out[2] = p.p.layout;
    out[3] = p.p.bpc;
    out[4] = p.seq_hdr->color_range;
    out[5] = p.seq_hdr->mtrx;
    out[6] = p.stride[0];
    out[7] = p.stride[1];
    for (int i = 0; i < 3; i++)
        out[9 + i] = (uint32_t)p.data[i];
    return 0;
}
