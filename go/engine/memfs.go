package main

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"plumb.dev/go/helper"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// treeRoot is where a request's files stand. It is not "/", so that too many ".." lead out of the tree and to nothing.
const treeRoot = "/plumb-tree"

// treeFS is a read-only file system over the files of one request. Upstream's own refuses names with spaces or
// unusual letters and looks up each name by scanning its folder.
type treeFS struct {
	files map[string][]byte
	dirs  map[string][]string // folder -> names in it
	first map[string][]byte   // what the first read of a file gives instead
}

var _ filesys.FileSystem = (*treeFS)(nil)

func newTreeFS(files []helper.File) (*treeFS, error) {
	t := &treeFS{files: make(map[string][]byte, len(files)), dirs: map[string][]string{treeRoot: nil}, first: map[string][]byte{}}
	for _, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return nil, fmt.Errorf("file path %q is not a clean relative path", f.Path)
		}
		full := path.Join(treeRoot, f.Path)
		if _, twice := t.files[full]; twice {
			return nil, fmt.Errorf("file %q is given twice", f.Path)
		}
		t.files[full] = f.Content
		t.addName(full)
	}
	for full := range t.files {
		if _, both := t.dirs[full]; both {
			return nil, fmt.Errorf("%q is both a file and a folder", strings.TrimPrefix(full, treeRoot+"/"))
		}
	}
	return t, nil
}

// firstRead changes what is read of a file at first. Upstream reads the kustomization it builds before everything else; where
// the same file is data too, the data is the file as it is.
func (t *treeFS) firstRead(name string, content []byte) {
	t.first[path.Join(treeRoot, name)] = content
}

func (t *treeFS) addName(full string) {
	for full != treeRoot {
		dir, name := path.Split(full)
		dir = path.Clean(dir)
		names, known := t.dirs[dir]
		t.dirs[dir] = append(names, name)
		if known {
			return // and so are the folders above it
		}
		full = dir
	}
}

func absolute(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(treeRoot, p)
}

func notFound(p string) error {
	return fmt.Errorf("%q: %w", strings.TrimPrefix(p, treeRoot+"/"), fs.ErrNotExist)
}

func (t *treeFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	full := absolute(p)
	if _, ok := t.dirs[full]; ok {
		return filesys.ConfirmedDir(full), "", nil
	}
	if _, ok := t.files[full]; ok {
		dir, name := path.Split(full)
		return filesys.ConfirmedDir(path.Clean(dir)), name, nil
	}
	return "", "", notFound(full)
}

func (t *treeFS) Exists(p string) bool {
	_, _, err := t.CleanedAbs(p)
	return err == nil
}

func (t *treeFS) IsDir(p string) bool {
	_, ok := t.dirs[absolute(p)]
	return ok
}

func (t *treeFS) ReadDir(p string) ([]string, error) {
	names, ok := t.dirs[absolute(p)]
	if !ok {
		return nil, notFound(p)
	}
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	return sorted, nil
}

func (t *treeFS) ReadFile(p string) ([]byte, error) {
	full := absolute(p)
	if content, ok := t.first[full]; ok {
		delete(t.first, full)
		return content, nil
	}
	if content, ok := t.files[full]; ok {
		return content, nil
	}
	if _, ok := t.dirs[full]; ok {
		return nil, fmt.Errorf("%q is a folder", strings.TrimPrefix(full, treeRoot+"/"))
	}
	return nil, notFound(full)
}

func (t *treeFS) Glob(pattern string) ([]string, error) {
	var found []string
	for full := range t.files {
		ok, err := path.Match(absolute(pattern), full)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, full)
		}
	}
	sort.Strings(found)
	return found, nil
}

func readOnly(p string) error {
	return fmt.Errorf("%q: the tree is read-only", p)
}

func (t *treeFS) Create(p string) (filesys.File, error)    { return nil, readOnly(p) }
func (t *treeFS) Open(p string) (filesys.File, error)      { return nil, readOnly(p) }
func (t *treeFS) Mkdir(p string) error                     { return readOnly(p) }
func (t *treeFS) MkdirAll(p string) error                  { return readOnly(p) }
func (t *treeFS) RemoveAll(p string) error                 { return readOnly(p) }
func (t *treeFS) WriteFile(p string, _ []byte) error       { return readOnly(p) }
func (t *treeFS) Walk(p string, _ filepath.WalkFunc) error { return readOnly(p) }
