/* SPDX-License-Identifier: Apache-2.0 */
/* Stream -> HDF5: groups, contiguous datasets and attributes in the order given, without times, in the oldest form of the format
 * (what h5py writes by default): every reader of Keras files takes it, and equal streams give equal bytes. */
#include "whet_h5.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "wire/hdf5_stream.h"

enum { MANY_TEXTS = 1000 };

static hid_t plain(hid_t class)
{
    const hid_t p = H5Pcreate(class);
    if (p >= 0 && H5Pset_obj_track_times(p, 0) < 0) {
        H5Pclose(p);
        return -1;
    }
    return p;
}

static whet_status write_group(hid_t file, const whet_hdf5_item *it)
{
    if (it->path[0] == '\0') return WHET_OK; /* the root is there */
    const hid_t p = plain(H5P_GROUP_CREATE), group = p >= 0 ? H5Gcreate2(file, it->path, H5P_DEFAULT, p, H5P_DEFAULT) : -1;
    const whet_status status = group >= 0 ? WHET_OK : h5_fail(WHET_EIO, "a group cannot be written");
    if (group >= 0) H5Gclose(group);
    if (p >= 0) H5Pclose(p);
    return status;
}

static hid_t make_space(const whet_hdf5_item *it)
{
    hsize_t dims[WHET_HDF5_MAX_RANK];
    for (int i = 0; i < it->rank; i++) dims[i] = it->dims[i];
    return it->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(it->rank, dims, NULL);
}

static whet_status write_dataset(hid_t file, const whet_hdf5_item *it)
{
    const hid_t p = plain(H5P_DATASET_CREATE), type = h5_type(it->type, it->size), space = make_space(it);
    hid_t dataset = -1;
    whet_status status = WHET_OK;
    if (p >= 0 && type >= 0 && space >= 0) dataset = H5Dcreate2(file, it->path, type, space, H5P_DEFAULT, p, H5P_DEFAULT);
    if (dataset < 0 || (it->bytes > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, it->data) < 0))
        status = h5_fail(WHET_EIO, "a dataset cannot be written");
    if (dataset >= 0) H5Dclose(dataset);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (p >= 0) H5Pclose(p);
    return status;
}

static const char **texts_of(const whet_hdf5_item *it, uint64_t n)
{
    const char **texts = calloc(n + 1, sizeof *texts);
    const uint8_t *p = it->data;
    for (uint64_t i = 0; texts != NULL && i < n; i++) {
        const uint32_t length = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        texts[i] = (const char *)p + 4;
        p += 5 + (size_t)length;
    }
    return texts;
}

static whet_status write_attribute(hid_t file, const whet_hdf5_item *it)
{
    uint64_t n = 0;
    whet_status status = WHET_OK;
    if (it->type != 's') return WHET_FAIL(WHET_EUNSUPPORTED, "the attribute '%s' is no text", it->name);
    WHET_TRY(whet_hdf5_elements(it, &n));
    const char **texts = texts_of(it, n);
    const hid_t object = H5Oopen(file, it->path[0] != '\0' ? it->path : "/", H5P_DEFAULT), type = h5_text_type(), space = make_space(it);
    hid_t attribute = -1;
    if (object >= 0 && type >= 0 && space >= 0) attribute = H5Acreate2(object, it->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (texts == NULL) status = WHET_FAIL(WHET_ENOMEM, "no memory");
    else if (attribute < 0 && n > MANY_TEXTS) /* 64 KB is the most in the oldest form */
        status = WHET_FAIL(WHET_EIO, "the attribute '%s' has %llu texts, more than HDF5 holds in one; .keras has it elsewhere", it->name, (unsigned long long)n);
    else if (attribute < 0 || (n > 0 && H5Awrite(attribute, type, texts) < 0)) status = h5_fail(WHET_EIO, "an attribute cannot be written");
    if (attribute >= 0) H5Aclose(attribute);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (object >= 0) H5Oclose(object);
    free(texts);
    return status;
}

static whet_status write_all(hid_t file, const uint8_t *data, size_t size)
{
    uint64_t records = 0;
    for (size_t at = 0;; records++) {
        whet_hdf5_item it;
        WHET_TRY(whet_hdf5_next(data, size, &at, &it));
        if (it.kind == WHET_HDF5_END) return whet_hdf5_check_end(&it, records, at, size);
        if (it.kind == WHET_HDF5_GROUP) WHET_TRY(write_group(file, &it));
        if (it.kind == WHET_HDF5_DATASET) WHET_TRY(write_dataset(file, &it));
        if (it.kind == WHET_HDF5_ATTRIBUTE) WHET_TRY(write_attribute(file, &it));
    }
}

whet_status h5_write(void)
{
    struct stat st;
    if (fstat(0, &st) != 0 || st.st_size <= 0) return WHET_FAIL(WHET_EIO, "nothing to write");
    const size_t size = (size_t)st.st_size;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, 0, 0);
    if (data == MAP_FAILED) return WHET_FAIL(WHET_ENOMEM, "no memory for %zu bytes", size);
    const hid_t create = plain(H5P_FILE_CREATE);
    const hid_t file = create >= 0 ? H5Fcreate("out", H5F_ACC_TRUNC, create, h5_access()) : -1;
    if (file < 0) return h5_fail(WHET_EIO, "the HDF5 file cannot be made");
    WHET_TRY(write_all(file, data, size));
    return H5Fclose(file) >= 0 ? WHET_OK : h5_fail(WHET_EIO, "the HDF5 file cannot be finished");
}
