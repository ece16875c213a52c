// SPDX-License-Identifier: MIT
#include "kept-mechanism.h"

CK_RV p11d_kept_mechanism_make(P11dKeptMechanism *kept, const CK_MECHANISM *mechanism,
                               bool prehashed)
{
    P11dWriter writer;
    p11d_buffer_init(&kept->parameters, P11D_KEPT_PARAMETERS_MAX);
    p11d_writer_init(&writer, &kept->parameters);
    kept->name = p11d_mechanism_name(mechanism->mechanism, kept->scratch);

    CK_RV rv = p11d_mechanism_write_parameters(&writer, mechanism);
    if (rv == CKR_OK && prehashed) {
        p11d_writer_entry(&writer, "prehashed", "b");
        p11d_writer_boolean(&writer, true);
    }
    if (rv != CKR_OK || p11d_writer_ok(&writer))
        return rv;
    return kept->parameters.no_memory ? CKR_HOST_MEMORY : CKR_MECHANISM_PARAM_INVALID;
}

void p11d_kept_mechanism_clear(P11dKeptMechanism *kept)
{
    p11d_buffer_clear(&kept->parameters);
}

void p11d_kept_mechanism_write_name(const P11dKeptMechanism *kept, P11dWriter *writer)
{
    p11d_writer_string(writer, kept->name);
}

void p11d_kept_mechanism_write_parameters(const P11dKeptMechanism *kept, P11dWriter *writer)
{
    const P11dArray entries = p11d_writer_array_begin(writer, 8);
    p11d_writer_raw(writer, kept->parameters.data, kept->parameters.size);
    p11d_writer_array_end(writer, entries);
}
