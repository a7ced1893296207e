#!/bin/sh
# Builds libcurl.a with HTTP and HTTPS alone, for the addon that brings its own
# libcurl: small_curl.sh FOLDER. The source is that of this Debian release, with
# Debian's security fixes; see README.md.
#
#   - The package lists are read into FOLDER, with "deb-src" in place of "deb",
#     so that nothing of the machine's own configuration changes.
#   - apt checks the signature of the source, and applies Debian's patches.
#   - FOLDER/version says which source it is; it is built again only if Debian
#     has another one by now.
set -eu
folder=$(realpath -m "$1")
mkdir -p "$folder/sources" "$folder/lists/partial" \
    "$folder/cache/archives/partial"
cd "$folder"

# as_sources FILE: prints the same archives, as ones of sources.
as_sources() {
    case $1 in
    *.sources) sed 's/^Types:.*/Types: deb-src/' "$1" ;;
    *) sed -n 's/^deb[[:space:]]/deb-src /p' "$1" ;;
    esac
}
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
        /etc/apt/sources.list.d/*.sources; do
    if [ -f "$file" ] && grep -q debian "$file"; then
        as_sources "$file" >"sources/$(basename "$file")"
    fi
done

apt() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$folder/sources" \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" \
        -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update || true # archives of others may have no sources
# Names only what is not there yet.
rm -rf curl-* curl_*
version=$(apt --print-uris source curl |
    sed -n "s/.* \(curl_[^ ]*\)\.dsc .*/\1/p")
if [ -f libcurl.a ] && [ "$(cat version 2>/dev/null)" = "$version" ]; then
    echo "$version is built already"
    exit 0
fi
rm -rf cmake libcurl.a version
apt source curl

# libhaplopoll asks for HTTP/1.1, resolves names itself and pins what it found:
# so neither nghttp2 nor a resolver that has threads. Nothing is taken from the
# machine at run time but the CA bundle: not its openssl.cnf either, which may
# be that of another OpenSSL.
cmake -S curl-[0-9]* -B cmake \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DCMAKE_C_VISIBILITY_PRESET=hidden \
    -DCMAKE_C_FLAGS="-fstack-protector-strong -fstack-clash-protection \
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2" \
    -DCMAKE_C_FLAGS_RELEASE=-O2 -DPICKY_COMPILER=OFF \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF \
    -DENABLE_MANUAL=OFF -DHTTP_ONLY=ON -DENABLE_THREADED_RESOLVER=OFF \
    -DCURL_USE_OPENSSL=ON -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON \
    -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt -DCURL_CA_PATH=none \
    -DCURL_ZLIB=ON -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DUSE_NGHTTP2=OFF \
    -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF \
    -DCURL_USE_GSSAPI=OFF -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_HSTS=ON \
    -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_DOH=ON -DCURL_DISABLE_NTLM=ON
cmake --build cmake --parallel "${JOBS:-2}" --target libcurl
cp cmake/lib/libcurl.a libcurl.a.new
cp curl-[0-9]*/COPYING COPYING
rm -rf curl-[0-9]* cmake
echo "$version" >version
mv libcurl.a.new libcurl.a
